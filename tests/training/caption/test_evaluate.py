"""A published captioner of three colours is scored beside baselines, by the served path."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.serving.models.manifest import read_manifest
from app.training.caption.data import read_captions
from app.training.caption.encode import encode_images, read_encoder
from app.training.caption.evaluate import evaluate_captions
from app.training.caption.served import served_captions
from app.training.caption.train import train_caption
from app.training.caption.words import words_of
from tests.cli.test_cli import run
from tests.training.caption.test_draft import COLOURS, RECIPE, make_data, make_encoder


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `data`, `encoder.onnx` and a trained model in `models`."""
    root = tmp_path_factory.mktemp("caption")
    data = make_data(root / "data").root
    make_encoder(root)
    recipe = replace(RECIPE, epochs=12)
    train_caption(data, root / "encoder.onnx", recipe, repository=root / "models", work=root)
    return root


def test_the_model_is_scored_as_it_is_served(place: Path) -> None:
    data = read_captions(place / "data")
    with served_captions("caption", place / "models") as model:
        rows, said = evaluate_captions(model, data, baselines="all", cache=place / "cache")
    scores = {row.method: row for row in rows}
    assert list(scores) == [
        "caption/1",
        "its captions, of other images",
        "most frequent caption",
        "best constant caption",
        "caption/1, no_repeat_ngram 0",
        "nearest training image",
        "one human, by the others",
    ]
    for one, caption in zip(data.val, said, strict=True):
        [colour] = set(COLOURS) & set(words_of(one.captions[0]))
        assert colour in words_of(caption)
    ours = scores["caption/1"]
    assert (ours.images, ours.references, ours.unique) == (6, 2, 0.5)
    assert scores["nearest training image"].bleu_4 == pytest.approx(1)  # of the same colour
    constant = scores["most frequent caption"].cider_d  # right for one colour of three
    assert constant == pytest.approx(ours.cider_d / 3)
    assert scores["most frequent caption"].copied == 1.0
    assert (place / "cache/nearest-train/pooled.npy").exists()


def test_other_images_score_lower(place: Path) -> None:
    data = read_captions(place / "data")
    four = replace(data, val=data.val[:4])  # two further on there is another colour
    with served_captions("caption", place / "models") as model:
        rows, _ = evaluate_captions(model, four)
        [alone], _ = evaluate_captions(model, four, baselines="none")
    assert alone == rows[0]
    assert rows[1].cider_d < rows[0].cider_d / 3
    assert rows[1].unique == rows[0].unique


def test_features_of_a_teacher_show_a_ceiling(place: Path, tmp_path: Path) -> None:
    data = read_captions(place / "data")
    encoder = read_encoder(place / "encoder.onnx")
    for part in ("train", "val"):
        encode_images(encoder, data.images(part), tmp_path / part, views=None, cells=False)
    with served_captions("caption", place / "models") as model:
        rows, _ = evaluate_captions(model, data, baselines="none", teacher=tmp_path)
    assert [row.method for row in rows] == ["caption/1", "teacher's features"]
    assert np.isfinite(rows[1].cider_d)


def test_figures_and_examples_are_recorded(place: Path) -> None:
    where = ("--data", str(place / "data"), "--models-dir", str(place / "models"))
    arguments = ("evaluate", "caption", *where, "--json")
    before = (place / "models/caption/1/README.md").read_text()
    assert "Not yet evaluated." in before
    assert "Not yet drawn." in before
    code, out, _ = run(*arguments, "--record")
    assert code == 0
    rows = json.loads(out)
    assert rows[0]["method"] == "caption/1"
    card = (place / "models/caption/1/README.md").read_text()
    assert f"| caption/1 | {rows[0]['cider_d']:.3f} |" in card
    assert "- `18.png`: **" in card
    assert "People's words: red, all, bright, house, sun, the, wall." in card
    assert "a red wall of a house" not in card
    assert "Not yet" not in card
    assert card.count("\n## Examples\n") == 1
    assert read_manifest(place / "models/caption/1").evaluation["rows"] == rows
    code, shown, _ = run(*arguments[:-1])
    assert code == 0
    assert max(map(len, shown.splitlines())) <= 80
    assert "its captions, of other images" in shown
    assert "…" not in shown
    code, again, _ = run(*arguments, "--record")  # what was recorded is loaded, and replaced
    assert (code, again) == (0, out)
    assert (place / "models/caption/1/README.md").read_text() == card


def test_a_folder_without_captions_is_one_line(place: Path, tmp_path: Path) -> None:
    code, out, err = run(
        "evaluate", "caption", "--data", str(tmp_path), "--models-dir", str(place / "models")
    )
    assert (code, out) == (2, "")
    assert err == f"no captions.csv or captions.csv.gz in {tmp_path}\n"
    encoder = str(tmp_path / "none.onnx")
    options = ("--data", str(place / "data"), "--encoder", encoder, "--name", "mine")
    code, _, err = run("train", "caption", *options)
    assert code == 2
    assert "none.onnx" in err
