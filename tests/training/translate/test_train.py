"""Translators from sentence pairs to a served version, on pairs that are easily learned."""

import gzip
import math
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

from app.cli.commands import cli
from app.serving.models.manifest import read_manifest
from app.tasks.translate.features import END, PAD
from app.training.common.loop import LoopOptions
from app.training.translate.data import read_pairs, read_part
from app.training.translate.evaluate import evaluate_translate
from app.training.translate.fit import BatchOptions, Pairs, Validation, translation_loss
from app.training.translate.network import (
    Translator,
)
from app.training.translate.recipe import TranslateRecipe
from app.training.translate.search import SearchOptions
from app.training.translate.served import served_translator
from app.training.translate.train import build_material, train_network, train_translate

WHO = {"the dog": ("der Hund", "le chien"), "the cat": ("die Katze", "le chat")}
WHO |= {"the man": ("der Mann", "un homme"), "a child": ("ein Kind", "un enfant")}
DOES = {"sees": ("sieht", "voit"), "likes": ("mag", "aime"), "hears": ("hört", "entend")}
DOES |= {"paints": ("malt", "peint"), "finds": ("findet", "trouve")}
WHOM = {"a ball": ("einen Ball", "une balle"), "a tree": ("einen Baum", "un arbre")}
WHOM |= {"a house": ("ein Haus", "une maison"), "a car": ("ein Auto", "une voiture")}
WHOM |= {"a book": ("ein Buch", "un livre"), "a flower": ("eine Blume", "une fleur")}
SENTENCES = [
    tuple(
        f"{part[0].capitalize()}{part[1:]}"
        for part in (
            f"{who} {does} {whom}.",
            f"{WHO[who][0]} {DOES[does][0]} {WHOM[whom][0]}.",
            f"{WHO[who][1]} {DOES[does][1]} {WHOM[whom][1]}.",
        )
    )
    for who, does, whom in product(WHO, DOES, WHOM)
]
VAL = SENTENCES[5::7]
TRAIN = [each for each in SENTENCES if each not in VAL]
LOOP = LoopOptions(
    steps=220, learning_rate=0.01, warmup=10, averaging=0.9, validate_every=55, patience=5
)
RECIPE = TranslateRecipe(
    vocabulary_size=500,
    embedding_size=24,
    encoder_size=16,
    hidden_size=32,
    embedding_dropout=0.0,
    output_dropout=0.0,
    batches=BatchOptions(tokens=300, label_smoothing=0.0, new_names=0.0, bfloat16=False),
    loop=LOOP,
    search=SearchOptions(beam_width=3, max_length=20),
)


@pytest.fixture(name="data", scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some of all sentences for training, the others for validation."""
    folder = tmp_path_factory.mktemp("pairs")
    for part, chosen in (("train", TRAIN), ("val", VAL)):
        for place, language in enumerate(("en", "de", "fr")):
            text = "".join(f"{sentence[place]}\n" for sentence in chosen)
            (folder / f"{part}.{language}.gz").write_bytes(gzip.compress(text.encode()))
    return folder


@pytest.fixture(name="place", scope="module")
def trained(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("trained")
    train_translate([str(data)], RECIPE, repository=place / "models", work=place / "work")
    return place


def test_aligned_files_are_read(data: Path) -> None:
    found = read_pairs([str(data)])
    assert found.targets == ("de", "fr")
    assert [(each.source, each.target) for each in found.corpora] == [("en", "de"), ("en", "fr")]
    for each in found.corpora:
        assert (len(each.train), len(each.val)) == (len(TRAIN), len(VAL))
        assert not {one for one, _ in each.train} & {one for one, _ in each.val}
    assert len(found.sha256) == 6
    parts = read_part(data, "val")
    assert [each.val for each in parts] == [each.val for each in found.corpora]


def test_data_that_cannot_be_used_are_refused(data: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"holds no train\.es"):
        read_pairs([str(data)], "es")
    with pytest.raises(FileNotFoundError, match="is not there"):
        read_pairs([f"{tmp_path / 'none.tsv'}:en-de"])
    (tmp_path / "a.tsv").write_text("one\teins\ntwo\n")
    with pytest.raises(ValueError, match="line 2 is no pair"):
        read_pairs([f"{tmp_path / 'a.tsv'}:en-de"])
    with pytest.raises(ValueError, match=r"pairs\.tsv:en-fr"):
        read_pairs([str(tmp_path / "a.tsv")])
    with pytest.raises(ValueError, match="first language is not en"):
        read_pairs([f"{tmp_path / 'a.tsv'}:de-en"])
    (tmp_path / "train.en").write_text("one\ntwo\n")
    with pytest.raises(FileNotFoundError, match="no language but en"):
        read_pairs([str(tmp_path)])
    (tmp_path / "train.de").write_text("eins\n")
    with pytest.raises(ValueError, match=r"train\.en has 2 lines and train\.de 1"):
        read_pairs([str(tmp_path)])


def test_an_epoch_has_every_pair_once(data: Path, tmp_path: Path) -> None:
    material = build_material(read_pairs([str(data)]), RECIPE, tmp_path)
    known = material.subwords
    made = Pairs(material.data.corpora, known, replace(RECIPE.batches, tokens=40), 0)
    seen: list[tuple[str, str]] = []
    steps = 0
    while len(seen) < 2 * len(TRAIN):
        batch = made.batch(steps)
        steps += 1
        assert batch.targets.numel() <= 60
        for column in range(batch.inputs.shape[1]):
            target = batch.targets[:, column].tolist()
            end = target.index(END)
            assert batch.inputs[1 : end + 1, column].tolist() == target[:end]
            assert set(target[end + 1 :]) <= {PAD}
            source = batch.source[: batch.lengths[column], column].tolist()
            assert source[0] == batch.inputs[0, column]  # the tag
            assert source[-1] == END
            seen.append((known.decode(source[1:-1]), known.decode(target[:end])))
    expected = [pair for each in material.data.corpora for pair in each.train]
    assert sorted(seen) == sorted(expected)
    again = Pairs(material.data.corpora, known, replace(RECIPE.batches, tokens=40), 0)
    assert torch.equal(again.batch(steps + 2).source, made.batch(steps + 2).source)
    few = Pairs(material.data.corpora, known, replace(RECIPE.batches, most=3, tokens=10_000), 0)
    assert few.batch(0).inputs.shape[1] + few.batch(1).inputs.shape[1] in (6, 12)


def test_a_cut_training_is_the_training_that_was_not_cut(data: Path, tmp_path: Path) -> None:
    recipe = replace(RECIPE, loop=replace(LOOP, steps=24, validate_every=8))
    material = build_material(read_pairs([str(data)]), recipe, tmp_path)

    def fitted(name: str, stop_at: int | None = None) -> torch.nn.Module:
        def report(now: Any) -> None:
            if now.step == stop_at:
                raise KeyboardInterrupt

        return train_network(material, recipe, 1, 0, tmp_path / name, report).network

    whole = fitted("whole.pt")
    fitted("cut.pt", stop_at=13)
    for one, other in zip(whole.parameters(), fitted("cut.pt").parameters(), strict=True):
        assert torch.equal(one, other)


def test_a_small_network_learns_to_translate(place: Path, data: Path) -> None:
    corpora = read_pairs([str(data)]).corpora
    with served_translator("translate", place / "models") as model:
        rows = {(row.method, row.pair): row for row in evaluate_translate(model, corpora)}
        (found,) = model.predictions(["The dog sees a ball."], "de", attention=True)
    for corpus in corpora:
        pair = f"{data.name} en-{corpus.target}"
        ours = rows["translate/1", pair]
        assert ours.bleu > 60
        assert ours.bleu > 2 * rows["copied", pair].bleu
        assert ours.bleu > rows["shuffled", pair].bleu
        assert rows["translate/1, up to 8 words", pair].bleu == pytest.approx(ours.bleu)
        assert ours.sentences == len(VAL)
    assert found.attention is not None
    manifest = read_manifest(place / "models/translate/1")
    assert manifest.features["targets"] == ["de", "fr"]
    assert len(manifest.golden) == 4
    nats = manifest.training["validation_nats"]
    assert isinstance(nats, float)
    assert 0 < nats < 1


def test_figures_and_alignments_are_recorded(place: Path, data: Path, tmp_path: Path) -> None:
    plain = train_translate(
        [str(data)],
        replace(RECIPE, attention="none", loop=replace(RECIPE.loop, steps=5)),
        name="plain",
        repository=tmp_path / "elsewhere",
        work=tmp_path / "runs",
    )
    models = ("--models-dir", str(place / "models"))
    arguments = ("evaluate", "translate", "--data", str(data), *models)
    beside = ("--beside", str(plain.parent))
    result = CliRunner().invoke(cli, (*arguments, *beside, "--record"), env={"COLUMNS": "80"})
    assert result.exit_code == 0, result.output
    assert "copied" in result.output
    card = (place / "models/translate/1/README.md").read_text(encoding="utf-8")
    for language in ("de", "fr"):
        assert f"| plain/1 | {data.name} en-{language} |" in card
        assert f"| plain/1, up to 8 words | {data.name} en-{language} |" in card
    assert "Not yet" not in card
    assert card.count("<2de> |") + card.count("<2fr> |") == 5
    assert "nrefs:1|case:mixed" in card
    with (
        served_translator("translate", place / "models") as model,  # its checksums hold
        pytest.raises(ValueError, match="there is no such pair"),
    ):
        evaluate_translate(model, [])
    part = CliRunner().invoke(cli, (*arguments[:4], *models, "--part", "test"))
    assert part.exit_code == 2
    assert part.stderr == f"{data} holds no test.en or test.en.gz\n"


def test_what_is_wrong_is_one_line(tmp_path: Path) -> None:
    arguments = ("train", "translate", "--name", "own", "--data", str(tmp_path))
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 2
    assert result.stderr == f"{tmp_path} holds no train.en or train.en.gz\n"


def test_the_loss_is_the_mean_of_tokens(data: Path, tmp_path: Path) -> None:
    material = build_material(read_pairs([str(data)]), RECIPE, tmp_path)
    torch.manual_seed(0)
    one = Translator(RECIPE.network(len(material.subwords))).eval()
    batch = Pairs(material.data.corpora, material.subwords, RECIPE.batches, 0).batch(0)
    options = replace(RECIPE.batches, label_smoothing=0.0)
    with torch.no_grad():
        loss = translation_loss(one, batch, options).item()
        logits = one.logits(one(batch.source, batch.lengths, batch.inputs))
        logs = torch.log_softmax(logits, dim=2).gather(2, batch.targets[..., None])[..., 0]
        score = Validation(material.data.corpora, material.subwords)(one)
    assert loss == pytest.approx(-logs[batch.targets != PAD].mean().item(), rel=1e-5)
    assert score == pytest.approx(math.log(len(material.subwords)), rel=0.2)
