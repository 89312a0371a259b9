"""Trains one network: clip, average, validate, keep the best, stop early, resume after a cut.

Knows torch modules and callables; knows no task, no data and no screen.
"""

import copy
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from app.errors import UnrollError


@dataclass(frozen=True)
class LoopOptions:
    """How one network is trained."""

    steps: int = 10_000  # batches in all
    # at its top, after `warmup` steps; then half a cosine down to 2 % of it (Loshchilov and Hutter
    # 2017, equation 5)
    learning_rate: float = 2e-3
    weight_decay: float = 0.01  # of AdamW
    clip_norm: float = 1.0  # largest norm of the whole gradient (Pascanu et al. 2013, algorithm 1)
    warmup: int = 200  # steps in which the learning rate rises to its top
    # decay of the running mean of the weights, which is what is validated and kept (Polyak and
    # Juditsky 1992)
    averaging: float = 0.998
    validate_every: int = 500  # steps between validations
    patience: int = 8  # validations without improvement before training stops early
    seed: int = 0  # of the random numbers of torch

    def __post_init__(self) -> None:
        for name in ("steps", "learning_rate", "clip_norm", "validate_every", "patience"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be positive")
        if not 0.0 <= self.averaging < 1.0:
            raise ValueError("averaging must be at least 0 and less than 1")

    def rate(self, step: int) -> float:
        """The learning rate of step 0, 1, ..."""
        warm = min(1.0, (step + 1) / max(self.warmup, 1))
        return self.learning_rate * warm * (0.51 + 0.49 * math.cos(math.pi * step / self.steps))


@dataclass(frozen=True)
class Progress:
    """What is told after every step; `loss` is a running mean, `score` the last validation."""

    step: int
    steps: int
    loss: float
    score: float | None
    best: float


@dataclass(frozen=True)
class Fit:
    """The result: the network with its best averaged weights, and how it was reached."""

    network: nn.Module
    score: float
    best_step: int
    steps: int
    seconds: float
    interrupted: bool


class NotScored(UnrollError):
    """Training was ended before its first validation: nothing of it can be published."""


Batch = Any


def fit(
    network: nn.Module,
    batch: Callable[[int], Batch],
    loss: Callable[[nn.Module, Batch], Tensor],
    validate: Callable[[nn.Module], float],
    options: LoopOptions,
    *,
    checkpoint: Path | None = None,
    progress: Callable[[Progress], None] | None = None,
    keep: int | None = None,
) -> Fit:
    """Train `network` and return its best weights by `validate` (lower is better).

    `batch(step)` must depend on the step alone, so that a run that was cut and resumed from
    `checkpoint` is the run that was not cut. KeyboardInterrupt ends the training and keeps the
    best that was validated; the checkpoint then allows going on. The network is left in eval mode.

    With `keep` nothing is validated: training ends at that step of the schedule, and its weights
    are kept. That is for a step that another run has found.

    Raises:
        FloatingPointError: the loss is not finite.
        NotScored: it was ended before anything was validated.
        ValueError: `checkpoint` is there and belongs to other options or another network.
    """
    run = _Run(network, options)
    if checkpoint is not None and checkpoint.exists():
        run.load(checkpoint)
    interrupted = False
    last = options.steps if keep is None else min(keep, options.steps)
    try:
        while run.step < last and run.stale < options.patience:
            value = run.advance(batch(run.step), loss)
            due = run.step % options.validate_every == 0 or run.step == last
            score = run.judge(validate) if due and keep is None else None
            if due and checkpoint is not None:
                run.save(checkpoint)
            if progress is not None:
                progress(Progress(run.step, options.steps, value, score, run.best))
    except KeyboardInterrupt:
        interrupted = True
        if checkpoint is not None:
            run.save(checkpoint)
        if run.best_weights is None and keep is None:
            kept = "; the same command goes on from there" if checkpoint is not None else ""
            raise NotScored(
                f"stopped at step {run.step}, before the first validation: nothing is published"
                + kept
            ) from None
    if keep is not None:
        run.take(math.nan)
    if run.best_weights is not None:
        network.load_state_dict(run.best_weights)
    network.eval()
    return Fit(network, run.best, run.best_step, run.step, run.seconds, interrupted)


class _Run:
    """The state of a training run: everything that a checkpoint holds."""

    def __init__(self, network: nn.Module, options: LoopOptions) -> None:
        self.options = options
        self.network = network
        self.average = copy.deepcopy(network)
        self.optimizer = torch.optim.AdamW(
            network.parameters(), lr=options.learning_rate, weight_decay=options.weight_decay
        )
        self.step = 0
        self.running = 0.0
        self.best = math.inf
        self.best_step = 0
        self.best_weights: dict[str, Tensor] | None = None
        self.stale = 0
        self.before = 0.0
        self.started = time.monotonic()

    @property
    def seconds(self) -> float:
        return self.before + time.monotonic() - self.started

    def advance(self, batch: Batch, loss: Callable[[nn.Module, Batch], Tensor]) -> float:
        """One step; returns the running mean of the loss."""
        # dropout is drawn anew from the step, so that resuming repeats it
        torch.manual_seed(self.options.seed * 1_000_003 + self.step)
        for group in self.optimizer.param_groups:
            group["lr"] = self.options.rate(self.step)
        self.network.train()
        value = loss(self.network, batch)
        if not bool(torch.isfinite(value)):
            raise FloatingPointError(f"the loss is {value.item()} at step {self.step}")
        self.optimizer.zero_grad()
        value.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.network.parameters(), self.options.clip_norm)
        self.optimizer.step()
        self.step += 1
        decay = min(self.options.averaging, self.step / (self.step + 10.0))
        with torch.no_grad():
            pairs = zip(self.average.parameters(), self.network.parameters(), strict=True)
            for mean, weight in pairs:
                mean.lerp_(weight, 1.0 - decay)
            buffers = zip(self.average.buffers(), self.network.buffers(), strict=True)
            for kept, new in buffers:  # such as the statistics of a batch normalisation
                if kept.is_floating_point():
                    kept.lerp_(new, 1.0 - decay)
        share = max(0.01, 1.0 / self.step)
        self.running += share * (value.item() - self.running)
        return self.running

    def judge(self, validate: Callable[[nn.Module], float]) -> float:
        self.average.eval()
        with torch.no_grad():
            score = validate(self.average)
        if score < self.best:
            self.take(score)
        else:
            self.stale += 1
        return score

    def take(self, score: float) -> None:
        """The averaged weights of this step are the best."""
        self.best, self.best_step, self.stale = score, self.step, 0
        self.best_weights = {k: v.clone() for k, v in self.average.state_dict().items()}

    def save(self, path: Path) -> None:
        state = {
            "options": asdict(self.options),
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "best_weights": self.best_weights,
            "numbers": {
                "step": self.step,
                "running": self.running,
                "best": self.best,
                "best_step": self.best_step,
                "stale": self.stale,
                "before": self.seconds,
            },
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        torch.save(state, partial)
        partial.replace(path)  # a cut while writing leaves the checkpoint before

    def load(self, path: Path) -> None:
        state = torch.load(path, weights_only=True)
        shapes = [
            {k: v.shape for k, v in w.items()}
            for w in (state["network"], self.network.state_dict())
        ]
        if state.get("options") != asdict(self.options) or shapes[0] != shapes[1]:
            raise ValueError(
                f"{path} belongs to a training with other options; delete it, or name another "
                "work folder"
            )
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.best_weights = state["best_weights"]
        for name, number in state["numbers"].items():
            setattr(self, name, number)
