"""Language models from text files to a served version, on a text that is easily learned."""

import gzip
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from app.cli.commands import cli
from app.serving.models.manifest import read_manifest
from app.serving.runtime.session import Session
from app.tasks.generate.features import BEGIN, Units
from app.training.common.loop import LoopOptions
from app.training.common.storage import rounded
from app.training.generate.baselines import frequencies, ngrams
from app.training.generate.data import read_texts
from app.training.generate.evaluate import (
    drawn_samples,
    evaluate_generate,
    record_generate_figures,
)
from app.training.generate.fit import WindowOptions, Windows, fit_language_model, window_loss
from app.training.generate.network import (
    LanguageModel,
    LanguageModelOptions,
    initial_states,
    language_model_graph,
    nats,
)
from app.training.generate.recipe import GenerateRecipe
from app.training.generate.served import served_language_model
from app.training.generate.train import build_material, train_generate
from app.training.generate.units import fit_units

RHYME = "one two three four five\nsix seven eight nine ten\n"
TEXT = RHYME * 40
LOOP = LoopOptions(
    steps=120, learning_rate=0.02, warmup=5, averaging=0.9, validate_every=40, patience=5
)
RECIPE = GenerateRecipe(
    embedding_size=12,
    hidden_size=32,
    dropout=0.0,
    embedding_dropout=0.0,
    recurrent_dropout=0.0,
    windows=WindowOptions(rows=8, steps=40, bfloat16=False),
    loop=LOOP,
)


@pytest.fixture(name="data", scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("texts")
    (folder / "rhyme.txt").write_text(TEXT, encoding="utf-8")
    (folder / "more.txt.gz").write_bytes(gzip.compress(TEXT.replace("\n", "\r\n").encode()))
    (folder / "other.csv").write_text("not a text")
    return folder


@pytest.fixture(name="place", scope="module")
def trained(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("trained")
    train_generate(data, RECIPE, repository=place / "models", work=place / "work")
    return place


def test_the_end_of_each_file_is_for_validation(data: Path) -> None:
    found = read_texts(data)
    assert [part.file for part in found.parts] == ["more.txt.gz", "rhyme.txt"]
    for part in found.parts:
        assert part.train + part.val == TEXT
        assert len(part.val) == len(TEXT) // 10
    assert found.train == 2 * found.parts[0].train
    assert found.sha256.keys() == {"more.txt.gz", "rhyme.txt"}
    assert read_texts(data / "rhyme.txt").parts == found.parts[1:]


def test_files_that_are_no_text_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no \.txt or \.txt\.gz file|holds no"):
        read_texts(tmp_path)
    with pytest.raises(FileNotFoundError, match="is not there"):
        read_texts(tmp_path / "none.txt")
    (tmp_path / "a.txt").write_bytes(b"abc\xff")
    with pytest.raises(ValueError, match=r"a\.txt line 1, byte 4: 0x"):
        read_texts(tmp_path)
    (tmp_path / "a.txt").write_text("short")
    with pytest.raises(ValueError, match="holds 5 characters"):
        read_texts(tmp_path)
    with pytest.raises(ValueError, match="unknown unit"):
        GenerateRecipe(unit="word")  # type: ignore[arg-type]


def test_a_window_is_a_piece_of_the_text() -> None:
    ids = torch.arange(1, 100)
    windows = Windows(ids, WindowOptions(rows=5, steps=7), seed=1)
    batch = windows.batch(3)
    assert batch.shape == (8, 5)
    assert (batch[0] == BEGIN).all()
    assert (batch[2:] - batch[1:-1] == 1).all()
    assert torch.equal(batch, windows.batch(3))
    assert not torch.equal(batch, windows.batch(4))
    starts = torch.cat([windows.batch(step)[1] for step in range(200)])
    assert (int(starts.min()), int(starts.max())) == (1, 93)  # the first and the last one, too


def network(cell: str = "lstm", layers: int = 1) -> LanguageModel:
    torch.manual_seed(0)
    options = LanguageModelOptions(9, cell, embedding_size=5, hidden_size=7, num_layers=layers)
    return LanguageModel(options).eval()


def test_the_loss_is_the_mean_nats() -> None:
    one = network()
    batch = torch.randint(1, 9, (6, 3))
    batch[0] = BEGIN
    with torch.no_grad():
        logs = torch.log_softmax(one(batch[:-1])[0], dim=2)
        loss = window_loss(one, batch, WindowOptions(bfloat16=False)).item()
    expected = -logs.gather(2, batch[1:, :, None]).mean().item()
    assert loss == pytest.approx(expected, rel=1e-5)


def test_parts_side_by_side_are_scored_as_the_whole() -> None:
    one = network()
    ids = torch.randint(1, 9, (1000,))
    whole = nats(one, ids, lanes=1)
    with torch.no_grad():
        logits, _ = one(torch.cat([torch.tensor([BEGIN]), ids[:-1]])[:, None])
        logits[:, :, BEGIN] = -torch.inf
        logs = torch.log_softmax(logits[:, 0], dim=1)
    assert whole == pytest.approx(-logs.gather(1, ids[:, None]).mean().item(), rel=1e-5)
    assert nats(one, ids, lanes=7, context=100, chunk=33) == pytest.approx(whole, abs=1e-3)


@pytest.mark.parametrize(("cell", "layers"), [("lstm", 1), ("gru", 3), ("slstm", 2)])
def test_the_graph_is_the_network(cell: str, layers: int) -> None:
    one = network(cell, layers)
    session = Session(bytes(language_model_graph(one).SerializeToString()))
    tokens = torch.randint(1, 9, (3, 11))
    initial = initial_states(one.options)
    states = {
        each.name: np.full((3, int(each.shape[1] or 0)), initial.get(each.name, 0.0), np.float32)
        for each in session.inputs
        if each.name not in ("token_ids", "lengths")
    }
    assert len(states) == layers * len(one.recurrent.states)
    feeds = {"token_ids": tokens.numpy(), "lengths": np.array([11, 4, 1], np.int64), **states}
    found = session.run(feeds)
    with torch.no_grad():
        logits, after = one(tokens[:, :4].T)
    logits[:, :, BEGIN] = -torch.inf
    logs = torch.log_softmax(logits, dim=2).transpose(0, 1).numpy()
    answered = found["log_probabilities"]
    np.testing.assert_allclose(answered[:2, :4, 1:], logs[:2, :, 1:], atol=1e-5)
    assert (answered[:, :, BEGIN] < -1e20).all()
    for name, value in zip(one.recurrent.states, after, strict=True):
        for layer in range(layers):
            last = found[f"next_{name}_{layer}"]
            np.testing.assert_allclose(last[1], value[layer, 1].numpy(), atol=1e-5)


def test_units_are_pieces_of_the_text() -> None:
    characters = Units(fit_units(TEXT, "character", 0))
    assert len(characters) == len(set(TEXT)) + 1
    pieces = Units(fit_units(TEXT, "subword", 40))
    assert len(pieces) == 40
    assert any(len(piece) > 3 for piece in pieces.pieces)
    for known in (characters, pieces):
        ids = known.encode(TEXT, "text")
        assert BEGIN not in ids
        assert "".join(known.pieces[each] for each in ids) == TEXT


def test_a_cut_training_is_the_training_that_was_not_cut(data: Path, tmp_path: Path) -> None:
    material = build_material(read_texts(data), RECIPE, tmp_path)

    def fitted(checkpoint: Path | None, stop_at: int | None = None) -> LanguageModel:
        def progress(now: Any) -> None:
            if now.step == stop_at:
                raise KeyboardInterrupt

        torch.manual_seed(0)
        one = LanguageModel(RECIPE.network(material.tokenizer.get_vocab_size()))
        loop = replace(LOOP, steps=30, validate_every=10)
        fit_language_model(
            one,
            material.train,
            material.val,
            RECIPE.windows,
            loop,
            checkpoint=checkpoint,
            progress=progress,
        )
        return one

    whole = fitted(None)
    fitted(tmp_path / "cut.pt", stop_at=17)
    resumed = fitted(tmp_path / "cut.pt")
    for one, other in zip(whole.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(one, other)


def test_a_small_network_learns_to_go_on(place: Path, data: Path) -> None:
    with served_language_model("generate", place / "models") as model:
        rows = {row.method: row for row in evaluate_generate(model, read_texts(data))}
        assert model.samples("one two", 17, seed=1, temperature=0.0) == " three four five\n"[:17]
    ours = rows["generate/1"]
    assert ours.nats < 0.4 < rows["frequencies"].nats
    assert ours.bits == pytest.approx(ours.nats / math.log(2))
    assert {"generate/1, rhyme.txt", "3-grams", "6-grams"} <= rows.keys()
    manifest = read_manifest(place / "models/generate/1")
    stated = manifest.training["validation_nats"]
    assert isinstance(stated, float)
    assert abs(stated - ours.nats) < 0.1
    assert len(manifest.golden) == 4
    assert manifest.training["rows"]["rhyme.txt"]["val_characters"] == len(TEXT) // 10  # type: ignore[index, call-overload]


def test_figures_and_samples_are_recorded(place: Path, data: Path) -> None:
    models = ("--models-dir", str(place / "models"))
    arguments = ("evaluate", "generate", "--data", str(data), *models)
    result = CliRunner().invoke(cli, (*arguments, "--record"), env={"COLUMNS": "80"})
    assert result.exit_code == 0, result.output
    assert "frequencies" in result.output
    card = (place / "models/generate/1/README.md").read_text(encoding="utf-8")
    assert "Not yet" not in card
    assert "Temperature 0.8:" in card
    with served_language_model("generate", place / "models") as model:  # its checksums hold
        rows = evaluate_generate(model, read_texts(data / "rhyme.txt"))
        record_generate_figures(model.folder, rows, drawn_samples(model, "one"))


def test_what_is_wrong_is_one_line(tmp_path: Path) -> None:
    arguments = ("train", "generate", "--name", "own", "--data", str(tmp_path))
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 2
    assert result.stderr == f"{tmp_path} holds no .txt or .txt.gz file\n"
    (tmp_path / "a.txt").write_text("some text, long enough\n")
    more = ("--cell", "none", "--work", str(tmp_path / "work"))
    result = CliRunner().invoke(cli, (*arguments, *more))
    assert result.exit_code == 2
    assert "unknown cell 'none'" in result.stderr


def test_rounding_keeps_what_is_said() -> None:
    one = network()
    before = {name: value.clone() for name, value in one.state_dict().items()}
    for name, value in rounded(one).state_dict().items():
        torch.testing.assert_close(value, before[name], rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("order", [1, 2, 4])
def test_counted_models_are_distributions(order: int) -> None:
    """All characters that may follow have a probability of one together."""
    train = "abcabcabdabe"
    for context in ("ab", "ff", "b"):
        # `val` is scored character by character: the last one's share is the difference
        base = ngrams(train, context, order) * len(context)
        total = sum(
            math.exp(-(ngrams(train, context + each, order) * (len(context) + 1) - base))
            for each in set(train) | set(context)
        )
        assert total == pytest.approx(1.0)
    assert ngrams("ab" * 50, "ab" * 5, 3) < frequencies("ab" * 50, "ab" * 5)
    assert frequencies("ab", "ab") == pytest.approx(math.log(2))
