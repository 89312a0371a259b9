"""The encoder: its graph gives what the network gives, and it can learn what it is shown."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
import torch
from PIL import Image

from app.training.common.loop import LoopOptions, fit
from app.training.encoder.distillation import (
    DistillationLoss,
    LessonBatches,
    Scales,
    Target,
    look,
    target_of,
    to_input,
)
from app.training.encoder.graph import encoder_graph
from app.training.encoder.network import Encoder, EncoderOptions, Features, pooling
from app.training.encoder.teacher import Scale
from app.training.encoder.teacher_views import Lessons, open_lessons
from app.training.encoder.views import Views, npz_images, whole
from app.training.encoder.words import WordReader, word_loss, word_targets

TINY = EncoderOptions(
    size=32, grid=3, widths=(8, 8, 12), blocks=(1, 1, 1), map_channels=6, channels=10
)
SCALES = Scales(Scale(0.02, 100), Scale(0.01, 0), Scale(0.1, 50))


def images(count: int, *, size: tuple[int, int] = (24, 20)) -> list[Image.Image]:
    draw = np.random.default_rng(3)
    return [
        Image.fromarray(draw.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8))
        for _ in range(count)
    ]


def trained_a_little(options: EncoderOptions = TINY) -> Encoder:
    """An encoder whose normalisations have seen something."""
    torch.manual_seed(1)
    encoder = Encoder(options)
    encoder.train()
    for _ in range(3):
        encoder(torch.randn(6, 3, options.size, options.size))
    return encoder.eval()


def test_graph_gives_what_the_network_gives_for_every_batch() -> None:
    encoder = trained_a_little()
    session = ort.InferenceSession(encoder_graph(encoder, half=False))
    pixels = torch.randn(5, 3, 32, 32)
    with torch.no_grad():
        expected = encoder(pixels).map.numpy()
    [together] = session.run(None, {"image": pixels.numpy()})
    np.testing.assert_allclose(together, expected, atol=2e-5)
    for row in range(5):
        [alone] = session.run(None, {"image": pixels[row : row + 1].numpy()})
        np.testing.assert_array_equal(alone[0], together[row])


def test_half_the_room_costs_little() -> None:
    encoder = trained_a_little()
    whole_graph, half_graph = encoder_graph(encoder, half=False), encoder_graph(encoder)
    assert len(half_graph) < 0.75 * len(whole_graph)
    pixels = torch.randn(2, 3, 32, 32).numpy()
    full, half = (
        ort.InferenceSession(each).run(None, {"image": pixels})[0]
        for each in (whole_graph, half_graph)
    )
    np.testing.assert_allclose(half, full, atol=0.02)


@pytest.mark.parametrize(("given", "wanted"), [(8, 7), (4, 7), (7, 7), (5, 3)])
def test_pooling_keeps_the_mean(given: int, wanted: int) -> None:
    matrix = pooling(given, wanted)
    assert matrix.shape == (wanted, given)
    np.testing.assert_allclose(matrix.sum(1), 1, atol=1e-6)
    values = torch.linspace(0, 1, given)
    assert float((matrix @ values).mean()) == pytest.approx(0.5, abs=1e-6)


def test_view_follows_from_its_number_alone() -> None:
    views = Views(images(3), 2, seed=4)
    again = Views(images(3), 2, seed=4)
    for number in (5, 0, 999):
        np.testing.assert_array_equal(views.pixels(number, 16), again.pixels(number, 16))
    assert {views.view(number).image for number in range(60)} == {0, 1, 2}
    first = sum(views.view(number).image < 2 for number in range(600))
    assert 0.6 < first / 600 < 0.73
    other = replace(views, seed=5)
    assert any(views.view(number) != other.view(number) for number in range(3))


def test_view_lies_inside_the_image() -> None:
    views = Views(images(1, size=(30, 10)), 1)
    for number in range(200):
        left, top, right, bottom = views.view(number).box
        assert 0 <= left < right <= 30 + 1e-9
        assert 0 <= top < bottom <= 10 + 1e-9


def test_mirrored_is_mirrored() -> None:
    [image] = images(1, size=(16, 16))
    np.testing.assert_array_equal(whole(image, 16), np.asarray(image))
    np.testing.assert_array_equal(whole(image, 16, mirrored=True), np.asarray(image)[:, ::-1])


def test_reads_npz(tmp_path: Path) -> None:
    streams = []
    for image in images(2):
        buffer = io.BytesIO()
        image.save(buffer, "JPEG")
        streams.append(buffer.getvalue())
    offsets = np.cumsum([0, *map(len, streams)])
    jpeg = np.frombuffer(b"".join(streams), np.uint8)
    np.savez(tmp_path / "a.npz", jpeg=jpeg, offsets=offsets)
    found = list(npz_images(tmp_path / "a.npz"))
    for stream, image in zip(streams, found, strict=True):
        expected = Image.open(io.BytesIO(stream)).convert("RGB")
        np.testing.assert_array_equal(np.asarray(image), np.asarray(expected))


def lessons(folder: Path, count: int) -> Lessons:
    draw = np.random.default_rng(0)
    shapes = {"map": (3, 3, 6), "pooled": (10,), "logits": (4,)}
    arrays = {
        name: draw.integers(0, 256, (count, *shape), dtype=np.uint8)
        for name, shape in shapes.items()
    }
    (folder / "count.txt").write_text(str(count))
    return Lessons(**arrays, folder=folder)


def distillation_loss(target: Target) -> DistillationLoss:
    draw = np.random.default_rng(0)
    weights = draw.normal(size=(4, 10)).astype(np.float32)
    return DistillationLoss(target, weights, np.zeros(4, np.float32))


def test_loss_is_nothing_for_the_teacher_itself(tmp_path: Path) -> None:
    target = target_of(lessons(tmp_path, 20), range(20), SCALES)
    loss = distillation_loss(target)
    logits = torch.nn.functional.linear(target.pooled, loss.weights, loss.bias)
    features = Features(target.map, target.pooled[:, :, None, None])
    same = loss.parts(features, target._replace(logits=logits))
    np.testing.assert_allclose(same.numpy(), 0, atol=1e-5)
    further = loss.parts(Features(target.map + 1, features.map), target)
    assert further[0] > same[0]


def test_batches_go_round_and_do_not_depend_on_what_was_asked_before(tmp_path: Path) -> None:
    views = Views(images(2), 2)
    taken = lessons(tmp_path, 10)
    batches = LessonBatches(taken, SCALES, lambda view: views.pixels(view, 32), 4, 10)
    assert batches.views(2) == [8, 9, 0, 1]
    in_order = [batches(step) for step in range(4)]
    out_of_order = LessonBatches(taken, SCALES, lambda view: views.pixels(view, 32), 4, 10)(2)
    torch.testing.assert_close(in_order[2].images, out_of_order.images, rtol=0, atol=0)
    torch.testing.assert_close(in_order[2].target.map, out_of_order.target.map, rtol=0, atol=0)


def test_learns_what_it_is_shown(tmp_path: Path) -> None:
    pixels = np.stack([whole(image, 32) for image in images(8)])
    target = target_of(lessons(tmp_path, 8), range(8), SCALES)
    loss = distillation_loss(target)
    torch.manual_seed(0)
    encoder = Encoder(TINY)
    given = to_input(pixels)
    with torch.no_grad():
        before = float(loss(look(encoder, given), target))
    options = LoopOptions(
        steps=150, warmup=10, validate_every=50, weight_decay=0.0, averaging=0.9, learning_rate=0.01
    )
    result = fit(
        encoder,
        lambda step: (given, target),
        lambda module, batch: loss(look(module, batch[0]), batch[1]),
        lambda module: float(loss(look(module, given), target)),
        options,
    )
    assert result.score < 0.7 * before


def test_word_targets_are_shares_of_captions() -> None:
    captions = [
        [["a", "dog", "runs"], ["a", "dog", "dog"]],
        [["a", "cat"], ["a", "dog"]],
        [["a", "bird"], ["a", "cat"]],
    ]
    targets = word_targets(captions, rarest=2, commonest=0.5)
    assert targets.words == ("cat", "dog")  # "a" says nothing, "runs" and "bird" too little
    np.testing.assert_allclose(targets.shares, np.array([[0, 1], [0.5, 0.5], [0.5, 0]]))
    unseen = targets.of([[["dog"], ["fish"]]])
    np.testing.assert_allclose(unseen, [[0, 0.5]])


def test_word_reader_starts_from_how_common_words_are() -> None:
    shares = np.array([[0.5, 0.25], [0.5, 0.25]], np.float32)
    reader = WordReader(trained_a_little(), shares).eval()
    with torch.no_grad():
        _, logits = reader(torch.randn(2, 3, 32, 32))
    np.testing.assert_allclose(torch.sigmoid(logits).numpy(), shares, atol=1e-6)
    best = float(word_loss(logits, torch.from_numpy(shares)))
    assert best < float(word_loss(logits + 1, torch.from_numpy(shares)))


def test_lessons_are_kept_and_checked(tmp_path: Path) -> None:
    first = open_lessons(tmp_path, 3)
    assert first.count == 0
    first.map[1] = 7
    assert open_lessons(tmp_path, 3).map[1].min() == 7
    with pytest.raises(ValueError, match="holds 3 views, not 4"):
        open_lessons(tmp_path, 4)
