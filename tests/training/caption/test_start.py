"""Going on from a published captioner: its weights are found, and it may attend from then on."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

from app.cli.commands import cli
from app.errors import ModelRefused
from app.serving.models.manifest import read_manifest
from app.training.caption.network import Captioner
from app.training.caption.recipe import CaptionRecipe
from app.training.caption.start import start_from
from app.training.caption.train import Material, build_material, train_caption, train_decoder
from app.training.caption.words import BOS, PAD, UNK, Vocabulary
from tests.training.caption.test_draft import RECIPE, make_data, make_encoder


def published(place: Path, recipe: CaptionRecipe) -> tuple[Path, Material, Captioner]:
    """A version's folder, what it learned from, and its decoder as it was in torch."""
    data, encoder = make_data(place / "data"), make_encoder(place)
    file = place / "encoder.onnx"
    folder = train_caption(data.root, file, recipe, repository=place / "models", work=place)
    material = build_material(data, encoder, recipe, place)
    fit = train_decoder(material, recipe, 0, place / "again.pt", lambda _: None)
    assert isinstance(fit.network, Captioner)
    return folder, material, fit.network


@pytest.mark.parametrize("attention", [0, 8], ids=["pooled", "attends"])
@pytest.mark.parametrize("cell", ["gru", "lstm", "peephole_lstm", "working_memory_lstm"])
def test_a_network_gets_the_weights_of_a_version(tmp_path: Path, cell: str, attention: int) -> None:
    recipe = replace(RECIPE, cell=cell, attention_size=attention, epochs=1)
    folder, material, learned = published(tmp_path, recipe)
    network = Captioner(learned.options)
    start_from(network, folder, material.vocabulary)
    with torch.no_grad():  # the graph holds no bias of words that are never said
        network.bias[[PAD, BOS, UNK]] = learned.bias[[PAD, BOS, UNK]]
    pairs = zip(network.named_parameters(), learned.parameters(), strict=True)
    for (name, own), other in pairs:
        torch.testing.assert_close(own, other, rtol=1e-3, atol=1e-3, msg=name)


def test_attention_is_added_and_changes_nothing_at_first(tmp_path: Path) -> None:
    folder, material, learned = published(tmp_path, replace(RECIPE, epochs=1))
    network = Captioner(replace(learned.options, attention_size=8)).eval()
    start_from(network, folder, material.vocabulary)
    pooled, cells = torch.randn(3, 6), torch.randn(3, 4, 6)
    words = torch.tensor([[BOS, BOS, BOS], [5, 6, 7]])
    learned.eval()
    expected = learned(*learned.begin(pooled), words)
    torch.testing.assert_close(
        network(*network.begin(pooled, cells), words), expected, rtol=1e-3, atol=1e-3
    )


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    folder, material, learned = published(tmp_path, replace(RECIPE, epochs=1))
    other = Vocabulary((*material.vocabulary.tokens, "more"), (*material.vocabulary.counts, 1))
    with pytest.raises(ModelRefused, match="says other words"):
        start_from(Captioner(learned.options), folder, other)
    wider = Captioner(replace(learned.options, hidden_size=24))
    with pytest.raises(ModelRefused, match="has other layers"):
        start_from(wider, folder, material.vocabulary)


def test_the_command_goes_on_by_the_scores_of_what_is_said(tmp_path: Path) -> None:
    data = make_data(tmp_path / "data").root
    make_encoder(tmp_path)
    file, models = tmp_path / "encoder.onnx", tmp_path / "models"
    first = train_caption(
        data, file, replace(RECIPE, epochs=1), repository=models, work=tmp_path / "first"
    )
    arguments = ["train", "caption", "--data", str(data), "--encoder", str(file), "--critical"]
    arguments += ["--out", str(models), "--work", str(tmp_path / "on"), "--name", "caption"]
    refused = CliRunner().invoke(cli, arguments)
    assert refused.exit_code == 2
    assert "--critical needs a --start" in refused.stderr
    done = CliRunner().invoke(cli, [*arguments, "--start", str(first), "--epochs", "1"])
    assert done.exit_code == 0, done.output
    training = read_manifest(models / "caption/2").training
    decoder = read_manifest(first).files["decoder.onnx"].sha256
    assert training["start"] == {"version": "caption/1", "sha256": decoder}
    recipe: Any = training["recipe"]
    assert (recipe["critical"], recipe["hidden_size"], recipe["epochs"]) == (True, 16, 1)
