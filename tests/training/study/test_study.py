"""The experiments: what they claim is checked in small, and all are written as pages."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from app.cli.commands import cli
from app.training.study import (
    architectures,
    attention,
    copying,
    gradients,
    memory,
    sentiment,
    stateful,
    trend_season,
    waves,
)
from app.training.study.finding import Finding, Rows, write
from app.training.study.from_scratch import (
    by_network,
    by_service,
    lstm_steps,
    network_of,
    rnn_steps,
)
from app.training.study.gradients import Elman, by_torch, norms, through_time
from app.training.study.parameters import by_counting, by_formula, parameters
from app.training.study.studies import STUDIES


@pytest.mark.parametrize("directions", [1, 2])
@pytest.mark.parametrize("biases", [1, 2])
@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm", "peephole_lstm"])
def test_the_formula_counts_right(cell: str, biases: int, directions: int) -> None:
    for inputs, units in ((100, 64), (3, 7)):
        sizes = {"biases": biases, "directions": directions}
        assert by_formula(cell, inputs, units, **sizes) == by_counting(cell, inputs, units, **sizes)


def test_known_numbers() -> None:
    """A SimpleRNN(64) on 100 inputs has 10,560 weights in Keras, an LSTM(64) 42,240."""
    assert by_formula("rnn", 100, 64, biases=1) == 10_560
    assert by_formula("lstm", 100, 64, biases=1) == 42_240


def test_weights_do_not_depend_on_the_number_of_steps() -> None:
    *_, ten, thousand = parameters(lambda _: None).tables
    assert [row[2] for row in ten.cells] == [row[2] for row in thousand.cells]
    assert ten.cells[0][1] == "1 x 10 x 64"
    assert thousand.cells[0][1] == "1 x 1000 x 64"


def test_back_propagation_through_time_is_torchs() -> None:
    rng = np.random.default_rng(3)
    network = Elman(rng.normal(size=(5, 3)), rng.normal(size=(5, 5)), *rng.normal(size=(2, 5)))
    x = rng.normal(size=(8, 3))
    ours, theirs = through_time(network, x, 0.7), by_torch(network, x, 0.7)
    assert ours.keys() == theirs.keys() == {"w", "u", "b", "v", "h"}
    for name, gradient in ours.items():
        np.testing.assert_allclose(gradient, theirs[name], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_gradients_vanish_and_gates_keep_them(seed: int) -> None:
    small, large, gated = norms("rnn", 0.5, seed), norms("rnn", 1.0, seed), norms("lstm", 1.0, seed)
    assert small[0] < 1e-20 * small[-1]
    assert large[0] > 1e6 * small[0]
    assert gated[50] > 1e3 * small[50]


@pytest.mark.parametrize(("cell", "by_hand"), [("rnn", rnn_steps), ("lstm", lstm_steps)])
def test_by_hand_in_torch_and_as_served(cell: str, by_hand: object) -> None:
    assert callable(by_hand)
    steps = [step["hidden"] for step in by_hand()]
    stack = network_of(cell)
    np.testing.assert_allclose(by_network(stack), steps, atol=1e-6)
    np.testing.assert_allclose(by_service(stack, cell), steps, atol=1e-6)


def test_a_page_has_its_tables_text_and_picture(tmp_path: Path) -> None:
    def draw(figure: object) -> None:
        figure.subplots().plot([1, 2])  # type: ignore[attr-defined]

    finding = Finding("Title", " What one sees. ", [Rows("T:", ("a", "b"), [["x", "1"]])], draw)
    page = write(finding, tmp_path / "one")
    text = page.read_text(encoding="utf-8")
    assert text.startswith("# Title\n")
    assert "| x | 1 |" in text
    assert text.endswith("What one sees.\n")
    with Image.open(tmp_path / "one" / "picture.png") as picture:
        assert min(picture.size) > 300


@pytest.mark.parametrize("name", STUDIES)
def test_the_command_writes_a_page(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every experiment, with hardly any training: what it says is not looked at here."""
    monkeypatch.setattr(gradients, "DELAYS", (2,))
    monkeypatch.setattr(stateful, "REPEATS", 1)
    monkeypatch.setattr(sentiment, "TEXTS", 2500)
    monkeypatch.setattr(attention, "LENGTHS", (2, 12))
    monkeypatch.setattr(memory, "PAIRS", (1, 2))
    for scored in (memory, waves):
        monkeypatch.setattr(scored, "SCORED", 20)
    for module in (stateful, waves, trend_season, architectures, sentiment, attention, memory):
        monkeypatch.setattr(module, "STEPS", 3)
    small = [replace(each, longest=2, loop=replace(each.loop, steps=3)) for each in copying.TAUGHT]
    monkeypatch.setattr(copying, "TAUGHT", small)
    result = CliRunner().invoke(cli, ["study", name, "--out", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert (tmp_path / name / "README.md").stat().st_size > 500
    assert 5_000 < (tmp_path / name / "picture.png").stat().st_size < 60_000


def test_an_unknown_experiment_is_refused_with_the_known_ones() -> None:
    result = CliRunner().invoke(cli, ["study", "alchemy"])
    assert result.exit_code == 2
    assert "expected all, parameters" in result.output


def test_without_a_name_they_are_listed() -> None:
    assert CliRunner().invoke(cli, ["study"]).output.split() == list(STUDIES)
