"""From a folder of images and captions to a captioner's files, on images of one colour each."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from PIL import Image

from app.training.caption.card import contact_sheet
from app.training.caption.data import CaptionData, Captioned, read_captions
from app.training.caption.decode import SearchOptions
from app.training.caption.encode import EncoderFile, ViewOptions, read_encoder
from app.training.caption.fit import CaptionLoop
from app.training.caption.recipe import CaptionRecipe
from app.training.caption.train import DECODER, ENCODER, START, VOCABULARY, draft_caption
from app.training.caption.words import BOS, EOS
from app.training.common.graph import Graph
from app.training.common.loop import LoopOptions
from app.training.common.publish import Draft

COLOURS = {"red": (200, 30, 30), "green": (20, 180, 40), "blue": (30, 40, 210)}
RECIPE = CaptionRecipe(
    embedding_size=16,
    hidden_size=16,
    feature_dropout=0.0,
    embedding_dropout=0.0,
    output_dropout=0.0,
    least=1,
    epochs=6,
    fit=CaptionLoop(
        LoopOptions(steps=1, learning_rate=0.02, warmup=2, averaging=0.5, patience=9),
        rows=6,
        label_smoothing=0.0,
    ),
    views=ViewOptions(crops=1),
    search=SearchOptions(beam_width=2, max_length=8),
)


def make_data(root: Path) -> CaptionData:
    """24 images, each of one colour, with two captions that name it."""
    root.mkdir()
    rows = []
    for number in range(24):
        colour = list(COLOURS)[number % 3]
        Image.new("RGB", (20, 16), COLOURS[colour]).save(root / f"{number}.png")
        part = "val" if number >= 18 else "train"
        rows += [
            (f"{number}.png", part, f"A {colour} wall of a house ."),
            (f"{number}.png", part, f"all {colour} in the bright sun"),
        ]
    with (root / "captions.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("image", "split", "caption"), *rows])
    return read_captions(root)


def make_encoder(folder: Path) -> EncoderFile:
    """Means of 2 x 2 parts of an image and of its negative: (batch, 6, 2, 2)."""
    graph = Graph("encoder")
    image = graph.input("image", np.float32, ("batch", 3, 8, 8))
    pooled = graph.op("AveragePool", image, kernel_shape=[4, 4], strides=[4, 4])
    both = graph.op("Concat", pooled, graph.op("Neg", pooled), axis=1)
    graph.output("map", both, np.float32, ("batch", 6, 2, 2))
    (folder / "encoder.onnx").write_bytes(graph.build().SerializeToString())
    (folder / "encoder.json").write_text(json.dumps({"training": {"seed": 5}}))
    return read_encoder(folder / "encoder.onnx")


def greedy(draft: Draft, pixels: tuple[int, int, int], encoder: EncoderFile) -> list[str]:
    """Follow the three graphs of a draft by hand."""

    def run(file: str, feeds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        session = onnxruntime.InferenceSession(
            draft.graphs[file], providers=["CPUExecutionProvider"]
        )
        names = [one.name for one in session.get_outputs()]
        return dict(zip(names, session.run(names, feeds), strict=True))

    mean, std = np.array(encoder.image.mean), np.array(encoder.image.std)
    values = ((np.array(pixels) / 255 - mean) / std).astype(np.float32)
    image = np.broadcast_to(values[None, :, None, None], (1, 3, 8, 8)).copy()
    feeds = run(START, {"features": run(ENCODER, {"image": image})["map"]})
    states = [name for name in feeds if name.endswith("_state")]
    tokens, said = BOS, []
    vocabulary = json.loads(draft.graphs[VOCABULARY])
    for _ in range(8):
        found = run(DECODER, feeds | {"token_ids": np.array([tokens], np.int64)})
        tokens = int(found["next_token_ids"][0, 0])
        if tokens == EOS:
            break
        said.append(vocabulary[tokens])
        feeds |= {name: found[f"next_{name}"] for name in states}
    return said


@pytest.mark.parametrize("attention", [0, 8], ids=["pooled", "attends"])
def test_a_draft_names_the_colours_it_learned(tmp_path: Path, attention: int) -> None:
    data, encoder = make_data(tmp_path / "data"), make_encoder(tmp_path)
    recipe = replace(RECIPE, attention_size=attention, epochs=12)
    draft = draft_caption(data, encoder, recipe, name="colours", work=tmp_path / "work")
    for colour, pixels in COLOURS.items():
        assert colour in greedy(draft, pixels, encoder)
    assert draft.graphs[ENCODER] == encoder.content
    assert draft.features["grid"] == ([2, 2] if attention else None)
    assert draft.features["encoder_output"] == "map"
    assert draft.features["image"] == json.loads(
        '{"height": 8, "width": 8, "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225], '
        '"layout": "NCHW", "resize": "squash"}'
    )
    assert draft.license.startswith("Trained on images and captions of its maker")
    told = json.dumps(draft.training)
    assert '"images": 18, "captions": 36' in told
    assert '"training": {"seed": 5}' in told


def test_a_cut_training_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    data, encoder = make_data(tmp_path / "data"), make_encoder(tmp_path)
    first = draft_caption(data, encoder, RECIPE, name="colours", work=tmp_path / "work")
    checkpoint = tmp_path / "work/decoder/member-0.pt"
    before = checkpoint.stat().st_mtime_ns
    again = draft_caption(data, encoder, RECIPE, name="colours", work=tmp_path / "work")
    assert again.graphs == first.graphs
    assert checkpoint.stat().st_mtime_ns == before


def test_a_network_that_attends_needs_a_map(tmp_path: Path) -> None:
    data, encoder = make_data(tmp_path / "data"), make_encoder(tmp_path)
    recipe = replace(RECIPE, attention_size=8)
    with pytest.raises(ValueError, match="the encoder gives a vector"):
        draft_caption(
            data, replace(encoder, grid=None), recipe, name="colours", work=tmp_path / "work"
        )


def test_the_sheet_shows_what_was_drawn_with_peoples_words_and_no_image() -> None:
    images = [Captioned(f"{n}.jpg", (f"Scene {n} .", "Another")) for n in range(40)]
    sheet = contact_sheet(images, [f"said {n}" for n in range(40)], seed=3)
    lines = [line for line in sheet.splitlines() if line.startswith("- ")]
    assert len(set(lines)) == 12
    for line in lines:
        number = line.split("`")[1].removesuffix(".jpg")
        words = "another, scene"
        assert line == f"- `{number}.jpg`: **said {number}**. People's words: {words}."
    assert sheet == contact_sheet(images, [f"said {n}" for n in range(40)], seed=3)
