"""Training a captioner: batches, the loss, the search, and that a small one learns to see."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from app.training.caption.data import Captioned
from app.training.caption.decode import SearchOptions, beam_search, captions_of
from app.training.caption.features import Features, read_features
from app.training.caption.fit import (
    CaptionLoop,
    Captions,
    Validation,
    caption_loss,
    fit_captioner,
    log_frequencies,
)
from app.training.caption.network import Captioner, CaptionerOptions
from app.training.caption.words import BOS, EOS, PAD, UNK, Vocabulary, build_vocabulary, words_of
from app.training.common.loop import LoopOptions

COLOURS = ("red", "green", "blue")
LOOP = LoopOptions(
    steps=60, learning_rate=0.02, warmup=5, averaging=0.8, validate_every=20, patience=5
)
OPTIONS = CaptionLoop(LOOP, rows=8, label_smoothing=0.0)


def images(count: int) -> list[Captioned]:
    """Image n is of colour n % 3."""
    return [
        Captioned(
            f"{n}.png", (f"A {COLOURS[n % 3]} ball .", f"a round {COLOURS[n % 3]} thing rare{n}")
        )
        for n in range(count)
    ]


def features(count: int, *, views: int = 2) -> Features:
    rng = np.random.default_rng(0)
    pooled = 0.1 * rng.normal(size=(count, views, 6)).astype(np.float32)
    cells = 0.1 * rng.normal(size=(count, views, 4, 6)).astype(np.float32)
    for n in range(count):
        pooled[n, :, n % 3] += 3.0
        cells[n, :, n % 4, n % 3] += 3.0
    return Features(tuple(one.image for one in images(count)), pooled, cells)


def vocabulary() -> Vocabulary:
    return build_vocabulary([words_of(c) for one in images(12) for c in one.captions], least=2)


def network(attention: int = 0, cell: str = "lstm") -> Captioner:
    torch.manual_seed(0)
    return Captioner(
        CaptionerOptions(
            vocabulary_size=len(vocabulary()),
            channels=6,
            cell=cell,
            embedding_size=12,
            hidden_size=16,
            attention_size=attention,
            output_dropout=0.1,
        )
    )


def captions(options: CaptionLoop = OPTIONS) -> Captions:
    return Captions(images(12), features(12), vocabulary(), options)


def test_an_epoch_has_every_caption_once_and_depends_on_the_seed_alone() -> None:
    made = captions()
    assert made.steps == 3
    seen = []
    for step in range(made.steps):
        batch = made.batch(step)
        assert batch.inputs.shape == batch.targets.shape
        assert (batch.inputs[0] == BOS).all()
        for inputs, targets in zip(batch.inputs.T.tolist(), batch.targets.T.tolist(), strict=True):
            end = targets.index(EOS)
            assert targets[:end] == inputs[1 : end + 1]
            assert set(targets[end + 1 :]) <= {PAD}
            seen.append(tuple(targets[:end]))
    expected = [tuple(vocabulary().encode(words_of(c))) for one in images(12) for c in one.captions]
    assert sorted(seen) == sorted(expected)
    assert torch.equal(captions().batch(5).targets, made.batch(5).targets)
    other = captions(replace(OPTIONS, loop=replace(LOOP, seed=1)))
    assert any(
        not torch.equal(other.batch(s).pooled, made.batch(s).pooled) for s in range(made.steps)
    )


def test_a_caption_hears_a_view_of_its_own_image() -> None:
    batch = captions().batch(0)
    colours = [vocabulary().tokens.index(colour) for colour in COLOURS]
    for row, said in enumerate(batch.targets.T.tolist()):
        assert colours[int(batch.pooled[row].argmax())] in said


def test_neither_padding_nor_unknown_words_are_taught() -> None:
    one = network().eval()
    batch = captions().batch(0)
    assert (batch.targets == UNK).any()
    before = caption_loss(one, batch, OPTIONS)
    with torch.no_grad():
        logits = one.logits(one(*one.begin(batch.pooled), batch.inputs))
    logs = torch.log_softmax(logits, dim=-1).gather(2, batch.targets[..., None])[..., 0]
    kept = ~torch.isin(batch.targets, torch.tensor([PAD, UNK]))
    assert before.item() == pytest.approx(-logs[kept].mean().item(), rel=1e-5)


@pytest.mark.parametrize("attention", [0, 8], ids=["pooled", "attends"])
def test_a_small_network_learns_to_name_what_it_sees(attention: int) -> None:
    data, kept = captions(), features(24)
    held_out = images(24)[12:]
    validation = Validation(held_out, kept, vocabulary(), SearchOptions(beam_width=2, max_length=6))
    one = network(attention)
    one.start_from(log_frequencies(vocabulary()))
    fit = fit_captioner(one, data, validation, OPTIONS)
    said = validation.captions(one)
    assert fit.score == pytest.approx(-validation.cider.mean(said))
    assert all(COLOURS[n % 3] in words for n, words in enumerate(said))


def test_the_output_starts_from_the_frequencies_of_words() -> None:
    one = network()
    made = vocabulary()
    one.start_from(log_frequencies(made))
    with torch.no_grad():
        shares = torch.softmax(one.bias, dim=0)
    assert shares[EOS].item() == pytest.approx(24 / sum(made.counts), rel=1e-2)


def test_a_cell_runs_over_words_as_it_does_step_by_step() -> None:
    one = network(cell="working_memory_lstm").eval()
    batch = captions().batch(0)
    with torch.no_grad():
        context, state = one.begin(batch.pooled)
        outputs = one(context, state, batch.inputs)
        for time, tokens in enumerate(batch.inputs):
            state, logs, _ = one.next_words(context, state, tokens)
            torch.testing.assert_close(state[0], outputs[time])
    assert torch.isinf(logs[:, [PAD, BOS, UNK]]).all()
    torch.testing.assert_close(logs.exp().sum(1), torch.ones(len(logs)))


def test_a_wider_beam_finds_likelier_captions() -> None:
    torch.manual_seed(3)
    one = network().eval()
    pooled = torch.randn(8, 6)

    def likelihood(ids: list[int], image: int) -> float:
        context, state = one.begin(pooled[image : image + 1])
        total = 0.0
        for inputs, targets in zip([BOS, *ids], [*ids, EOS], strict=True):
            state, logs, _ = one.next_words(context, state, torch.tensor([inputs]))
            total += logs[0, targets].item()
        return total

    with torch.no_grad():
        totals = {}
        for width in (1, 8):
            options = SearchOptions(beam_width=width, max_length=8, length_penalty=0.0)
            found = beam_search(one, pooled, None, options)
            totals[width] = sum(likelihood(ids, n) for n, ids in enumerate(found))
    assert totals[8] >= totals[1]


def test_captions_do_not_depend_on_how_many_are_found_at_once() -> None:
    one = network()
    together = captions_of(one, features(12), SearchOptions())
    assert captions_of(one, features(12), SearchOptions(), at_once=5) == together


def test_features_are_read_scaled_and_chosen_by_name(tmp_path: Path) -> None:
    (tmp_path / "names.json").write_text('["a", "b", "c"]')
    np.save(tmp_path / "pooled.npy", np.arange(12, dtype=np.uint8).reshape(6, 2))
    np.save(tmp_path / "map.npy", np.arange(24, dtype=np.uint8).reshape(6, 2, 1, 2))
    with pytest.raises(ValueError, match=r"no scales\.json"):
        read_features(tmp_path)
    (tmp_path / "scales.json").write_text("[[0.5, 2], [2, 0]]")
    found = read_features(tmp_path, cells=True)
    assert (found.views, found.channels) == (2, 2)
    chosen = found.only(["c", "a"])
    seen = chosen.take(np.array([0, 1]), np.array([1, 0]))
    np.testing.assert_array_equal(seen.pooled, [[4.0, 4.5], [-1.0, -0.5]])
    assert seen.cells is not None
    np.testing.assert_array_equal(seen.cells[0], [[40.0, 42.0], [44.0, 46.0]])
    with pytest.raises(ValueError, match="no features of 1 images: d"):
        found.only(["d"])
