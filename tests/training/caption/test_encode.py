"""Anybody's encoder as an ONNX file: what is read off it, what is refused, and its features."""

import io
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from app.features.image import ImageOptions, normalised, resized
from app.training.caption.drawn import drawn_images
from app.training.caption.encode import ViewOptions, encode_images, read_encoder
from app.training.common.graph import Graph

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def exported(path: Path, *, pooled: bool = False) -> nn.Module:
    """A network of somebody else's making, written by torch's own exporter."""
    torch.manual_seed(2)
    layers: list[nn.Module] = [nn.Conv2d(3, 8, 5, 4), nn.ReLU(), nn.Conv2d(8, 12, 3, 2)]
    if pooled:
        layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    network = nn.Sequential(*layers).eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter announces its successor
        torch.onnx.export(
            network,
            (torch.zeros(1, 3, 32, 32),),
            path,
            input_names=["pixels"],
            output_names=["seen"],
            dynamic_axes={"pixels": {0: "batch"}, "seen": {0: "batch"}},
            dynamo=False,
        )
    return network


def pngs() -> list[tuple[str, bytes]]:
    found = []
    for number, image in enumerate(drawn_images()):
        file = io.BytesIO()
        image.save(file, "PNG")
        found.append((f"{number}.png", file.getvalue()))
    return found


def inputs(spec: ImageOptions) -> torch.Tensor:
    small = [np.asarray(resized(one.convert("RGB"), spec)) for one in drawn_images()]
    return torch.from_numpy(normalised(np.stack(small), spec))


def test_an_exported_network_tells_its_size_and_what_it_gives(tmp_path: Path) -> None:
    exported(tmp_path / "encoder.onnx")
    found = read_encoder(tmp_path / "encoder.onnx")
    assert found.image == ImageOptions(32, 32, MEAN, STD)
    assert (found.input_name, found.output_name) == ("pixels", "seen")
    assert (found.channels, found.grid) == (12, (3, 3))
    assert found.training == {}


def test_the_file_beside_it_has_the_word(tmp_path: Path) -> None:
    exported(tmp_path / "encoder.onnx", pooled=True)
    image = {"mean": [0.5, 0.5, 0.5], "std": [1, 1, 1], "resize": "crop"}
    told = {"image": image, "output": "seen", "training": {"views": 3}}
    (tmp_path / "encoder.json").write_text(json.dumps(told))
    found = read_encoder(tmp_path / "encoder.onnx")
    assert found.image == ImageOptions(32, 32, (0.5, 0.5, 0.5), (1, 1, 1), "NCHW", "crop")
    assert (found.channels, found.grid) == (12, None)
    assert found.training == {"views": 3}


def test_what_is_no_encoder_is_refused(tmp_path: Path) -> None:
    graph = Graph("text")
    tokens = graph.input("tokens", np.float32, ("batch", 4))
    graph.output("out", graph.op("Neg", tokens), np.float32, ("batch", 4))
    path = tmp_path / "text.onnx"
    path.write_bytes(graph.build().SerializeToString())
    with pytest.raises(ValueError, match="one float32 input of four axes"):
        read_encoder(path)

    exported(tmp_path / "encoder.onnx")
    for told, message in (
        ({"output": "logits"}, "has no output 'logits'; it has seen"),
        ({"image": {"size": 3}}, "unexpected keyword argument 'size'"),
    ):
        (tmp_path / "encoder.json").write_text(json.dumps(told))
        with pytest.raises(ValueError, match=message):
            read_encoder(tmp_path / "encoder.onnx")


def test_a_size_that_the_graph_leaves_open_must_be_told(tmp_path: Path) -> None:
    graph = Graph("open")
    pixels = graph.input("pixels", np.float32, ("batch", "height", "width", 3))
    first = graph.op("Transpose", pixels, perm=[0, 3, 1, 2])
    graph.output("map", first, np.float32, ("batch", 3, "height", "width"))
    path = tmp_path / "open.onnx"
    path.write_bytes(graph.build().SerializeToString())
    with pytest.raises(ValueError, match=r"tell height and width in open\.json"):
        read_encoder(path)
    (tmp_path / "open.json").write_text('{"image": {"height": 4, "width": 6}}')
    found = read_encoder(path)
    assert found.image == ImageOptions(4, 6, MEAN, STD, layout="NHWC")
    assert (found.channels, found.grid) == (3, (4, 6))


def test_features_are_the_networks_and_the_map_is_kept_with_its_mean(tmp_path: Path) -> None:
    network = exported(tmp_path / "encoder.onnx")
    encoder = read_encoder(tmp_path / "encoder.onnx")
    found = encode_images(encoder, pngs(), tmp_path / "kept", views=None, cells=True)
    with torch.no_grad():
        expected = network(inputs(encoder.image))  # (images, channels, 3, 3)
    seen = found.plain(0, 4)
    np.testing.assert_allclose(seen.pooled, expected.mean((2, 3)).numpy(), rtol=1e-4, atol=1e-5)
    rows = expected.flatten(2).transpose(1, 2).numpy()
    assert seen.cells is not None
    np.testing.assert_allclose(seen.cells, rows, rtol=1e-2, atol=1e-3)
    assert found.views == 1


def test_views_are_the_image_its_mirror_image_and_crops(tmp_path: Path) -> None:
    exported(tmp_path / "encoder.onnx")
    encoder = read_encoder(tmp_path / "encoder.onnx")
    mirrored = []
    for name, content in pngs():
        file = io.BytesIO()
        image = Image.open(io.BytesIO(content)).transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        image.save(file, "PNG")
        mirrored.append((name, file.getvalue()))

    def pooled(images: list[tuple[str, bytes]], folder: str, crops: int) -> NDArray[Any]:
        views = ViewOptions(crops=crops)
        return encode_images(encoder, images, tmp_path / folder, views=views, cells=False).pooled

    found, turned = pooled(pngs(), "kept", 3), pooled(mirrored, "turned", 0)
    assert found.shape == (4, 5, 12)
    np.testing.assert_array_equal(found[:, 0], turned[:, 1])
    np.testing.assert_array_equal(found[:, 1], turned[:, 0])
    assert not np.allclose(found[0, 2], found[0, 3])
    np.testing.assert_array_equal(pooled(pngs(), "again", 3), found)


def test_kept_features_are_used_again_until_something_is_different(tmp_path: Path) -> None:
    exported(tmp_path / "encoder.onnx")
    encoder = read_encoder(tmp_path / "encoder.onnx")
    seen: list[int] = []

    def encode(views: ViewOptions | None) -> None:
        encode_images(
            encoder, pngs(), tmp_path / "kept", views=views, cells=False, progress=seen.append
        )

    encode(None)
    encode(None)
    assert seen == [1, 2, 3, 4]
    encode(ViewOptions(crops=1))
    assert seen == [1, 2, 3, 4] * 2


def test_an_image_that_cannot_be_decoded_is_named(tmp_path: Path) -> None:
    exported(tmp_path / "encoder.onnx")
    encoder = read_encoder(tmp_path / "encoder.onnx")
    name, content = pngs()[0]
    images = [(name, content), ("cut.png", content[: len(content) // 2]), ("text.png", b"no image")]
    for broken in images[1:]:
        with pytest.raises(ValueError, match=f"{broken[0]}: "):
            encode_images(encoder, [images[0], broken], tmp_path / "f", views=None, cells=False)
