"""The training loop on a network of one weight, small enough to know what must come out."""

import math
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from app.training.common.loop import Fit, LoopOptions, NotScored, Progress, fit

OPTIONS = LoopOptions(steps=60, learning_rate=0.05, warmup=5, validate_every=10, patience=100)


class Noisy(nn.Module):
    """A linear map behind dropout: what it learns depends on torch's random state."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(7)
        self.linear = nn.Linear(3, 1)

    def forward(self, inputs: Tensor) -> Tensor:
        answer: Tensor = self.linear(nn.functional.dropout(inputs, 0.3, self.training))
        return answer


def batch(step: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(step)
    inputs = torch.randn(16, 3, generator=generator)
    return inputs, inputs.sum(dim=1, keepdim=True)


def loss(network: nn.Module, drawn: tuple[Tensor, Tensor]) -> Tensor:
    error: Tensor = network(drawn[0]) - drawn[1]
    return (error**2).mean()


def validate(network: nn.Module) -> float:
    return float(loss(network, batch(1_000_000)).detach())


def train(
    options: LoopOptions = OPTIONS,
    *,
    validate: Callable[[nn.Module], float] = validate,
    checkpoint: Path | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Fit:
    return fit(Noisy(), batch, loss, validate, options, checkpoint=checkpoint, progress=progress)


def weights(fit: Fit) -> list[list[float]]:
    return [p.detach().flatten().tolist() for p in fit.network.parameters()]


def script(*scores: float) -> Callable[[nn.Module], float]:
    """A validation that answers what stands in the script, whatever the network."""
    left: Iterator[float] = iter(scores)
    return lambda _: next(left)


def interrupt_at(step: int, kind: type[BaseException]) -> Callable[[Progress], None]:
    def progress(told: Progress) -> None:
        if told.step == step:
            raise kind

    return progress


class Cut(Exception):
    """Stands for the power going off: the loop does not know it and saves nothing."""


def test_it_learns_and_leaves_the_network_in_eval_mode() -> None:
    before = validate(Noisy())

    done = train()

    assert done.score < before / 4
    assert done.score == validate(done.network)
    assert not done.network.training
    assert (done.steps, done.interrupted) == (60, False)


def test_the_same_call_gives_the_same_weights() -> None:
    assert weights(train()) == weights(train())


def test_the_seed_counts() -> None:
    other = LoopOptions(**{**vars(OPTIONS), "seed": 1})

    assert weights(train()) != weights(train(other))


def test_the_best_weights_are_kept_not_the_last() -> None:
    best = train(LoopOptions(**{**vars(OPTIONS), "averaging": 0.0}), validate=script(*[3.0] * 6))
    seen: list[list[list[float]]] = []

    def judged(network: nn.Module) -> float:
        seen.append([p.detach().flatten().tolist() for p in network.parameters()])
        return [3.0, 2.0, 1.0, 2.0, 1.5, 1.0][len(seen) - 1]

    done = train(validate=judged)

    assert best.best_step == 10  # equal scores: the first
    assert (done.score, done.best_step, done.steps) == (1.0, 30, 60)
    assert weights(done) == seen[2]
    assert weights(done) != seen[5]


def test_the_weights_of_a_step_that_is_known_are_kept_and_nothing_is_validated(
    tmp_path: Path,
) -> None:
    kept: list[Fit] = []

    def never(network: nn.Module) -> float:
        raise AssertionError

    found = train(validate=script(3, 2, 5, 5, 5, 5))  # the second, at step 20, is the best
    for _ in range(2):  # the second time from the checkpoint
        path = tmp_path / "run.pt"
        kept.append(fit(Noisy(), batch, loss, never, OPTIONS, checkpoint=path, keep=20))
        assert weights(kept[-1]) == weights(found)
        assert (kept[-1].steps, kept[-1].best_step) == (20, 20)
        assert math.isnan(kept[-1].score)


def test_it_stops_early_when_nothing_gets_better() -> None:
    options = LoopOptions(**{**vars(OPTIONS), "patience": 2})

    done = train(options, validate=script(3.0, 2.0, 2.5, 2.0))

    assert (done.best_step, done.steps) == (20, 40)


def test_a_score_that_is_no_number_is_never_the_best() -> None:
    done = train(validate=script(math.nan, 2.0, math.nan, 2.5, 3.0, math.nan))

    assert (done.score, done.best_step) == (2.0, 20)


def test_what_is_validated_is_the_running_mean_of_the_weights() -> None:
    plain = LoopOptions(steps=3, validate_every=1, averaging=0.0)
    path: list[Tensor] = []
    mean: list[Tensor] = []

    def note(into: list[Tensor]) -> Callable[[nn.Module], float]:
        def judged(network: nn.Module) -> float:
            into.append(next(network.parameters()).detach().clone())
            return -float(len(into))

        return judged

    start = next(Noisy().parameters()).detach().clone()
    train(plain, validate=note(path))
    train(LoopOptions(**{**vars(plain), "averaging": 0.9}), validate=note(mean))

    expected = start
    for step, (weight, averaged) in enumerate(zip(path, mean, strict=True), start=1):
        decay = min(0.9, step / (step + 10.0))
        expected = decay * expected + (1.0 - decay) * weight
        assert torch.allclose(averaged, expected, atol=1e-7)


def test_the_gradient_is_clipped_as_a_whole() -> None:
    options = LoopOptions(steps=1, validate_every=1, clip_norm=0.5)
    kept: list[nn.Module] = []

    def steep(network: nn.Module, drawn: tuple[Tensor, Tensor]) -> Tensor:
        kept.append(network)
        return 1e6 * loss(network, drawn)

    fit(Noisy(), batch, steep, validate, options)

    gradients = [p.grad.flatten() for p in kept[0].parameters() if p.grad is not None]
    assert float(torch.cat(gradients).norm()) == pytest.approx(0.5, rel=1e-4)


@pytest.mark.parametrize("step", [25, 30, 59])
def test_a_run_that_was_cut_and_resumed_is_the_run_that_was_not(tmp_path: Path, step: int) -> None:
    checkpoint = tmp_path / "deep" / "member.pt"
    whole: list[Progress] = []
    resumed: list[Progress] = []
    uncut = train(progress=whole.append)
    with pytest.raises(Cut):
        train(checkpoint=checkpoint, progress=interrupt_at(step, Cut))

    done = train(checkpoint=checkpoint, progress=resumed.append)

    assert weights(done) == weights(uncut)
    assert (done.score, done.best_step, done.steps) == (uncut.score, uncut.best_step, uncut.steps)
    assert resumed == whole[-len(resumed) :]
    assert resumed[0].step == step // 10 * 10 + 1  # from the last validation, not from the start
    assert [path.name for path in checkpoint.parent.iterdir()] == ["member.pt"]


def test_a_finished_run_is_not_trained_again(tmp_path: Path) -> None:
    checkpoint = tmp_path / "member.pt"
    done = train(checkpoint=checkpoint)
    steps: list[Progress] = []

    again = train(checkpoint=checkpoint, progress=steps.append)

    assert steps == []
    assert weights(again) == weights(done)


def test_ctrl_c_keeps_the_best_and_can_go_on(tmp_path: Path) -> None:
    checkpoint = tmp_path / "member.pt"
    stopped = train(checkpoint=checkpoint, progress=interrupt_at(35, KeyboardInterrupt))

    assert stopped.interrupted
    assert stopped.steps == 35
    assert stopped.best_step in (10, 20, 30)
    assert stopped.score == validate(stopped.network)
    assert not stopped.network.training
    assert weights(train(checkpoint=checkpoint)) == weights(train())


def test_what_was_never_validated_is_not_kept(tmp_path: Path) -> None:
    with pytest.raises(NotScored, match=r"stopped at step 3.*nothing is published$"):
        train(progress=interrupt_at(3, KeyboardInterrupt))
    checkpoint = tmp_path / "run.pt"
    with pytest.raises(NotScored, match="goes on from there"):
        train(checkpoint=checkpoint, progress=interrupt_at(3, KeyboardInterrupt))

    assert weights(train(checkpoint=checkpoint)) == weights(train())


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_is_an_error_that_names_the_step(value: float) -> None:
    def broken(network: nn.Module, drawn: tuple[Tensor, Tensor]) -> Tensor:
        return loss(network, drawn) * (value if torch.equal(drawn[0], batch(4)[0]) else 1.0)

    with pytest.raises(FloatingPointError, match="at step 4"):
        fit(Noisy(), batch, broken, validate, OPTIONS)


def test_the_rate_warms_up_and_falls_to_two_percent() -> None:
    options = LoopOptions(steps=1000, learning_rate=1.0, warmup=10)

    assert options.rate(0) == pytest.approx(0.1)
    assert options.rate(9) == pytest.approx(1.0, rel=1e-3)
    assert options.rate(1000) == pytest.approx(0.02)
    rates = [options.rate(step) for step in range(9, 1001)]
    assert rates == sorted(rates, reverse=True)


def test_progress_is_told_after_every_step() -> None:
    told: list[Progress] = []

    train(progress=told.append)

    assert [p.step for p in told] == list(range(1, 61))
    assert [p.step for p in told if p.score is not None] == [10, 20, 30, 40, 50, 60]
    assert {p.steps for p in told} == {60}
    assert told[-1].best == min(p.score for p in told if p.score is not None)


@pytest.mark.parametrize(
    "wrong",
    [
        {"steps": 0},
        {"learning_rate": 0.0},
        {"clip_norm": -1.0},
        {"patience": 0},
        {"averaging": 1.0},
    ],
)
def test_options_are_checked(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        LoopOptions(**wrong)  # type: ignore[arg-type]


def test_a_checkpoint_of_another_training_is_refused(tmp_path: Path) -> None:
    checkpoint = tmp_path / "one.pt"
    fit(Noisy(), batch, loss, validate, OPTIONS, checkpoint=checkpoint)
    other = LoopOptions(**{**vars(OPTIONS), "learning_rate": 0.01})
    with pytest.raises(ValueError, match="other options"):
        fit(Noisy(), batch, loss, validate, other, checkpoint=checkpoint)
    with pytest.raises(ValueError, match="another"):
        fit(nn.Linear(2, 1), batch, loss, validate, OPTIONS, checkpoint=checkpoint)
