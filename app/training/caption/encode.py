"""Runs an encoder, anybody's ONNX file, over the views of images; knows pixels, not captions.

A view of an image is the image itself (view 0), its mirror image (view 1), or a random crop of it.
"""

import hashlib
import io
import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from PIL import Image, ImageOps

from app.errors import InvalidInput
from app.features.image import ImageOptions, Pixels, normalised, read_pixels, resized
from app.training.caption.features import Features, Floats, read_features

_AT_ONCE: Final = 16
_MAX_PIXELS: Final = 200_000_000
_IMAGENET_MEAN: Final = (0.485, 0.456, 0.406)
_IMAGENET_STD: Final = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class EncoderFile:
    """An encoder as it was found: the file's content, what it wants, what it gives."""

    content: bytes
    image: ImageOptions
    input_name: str
    output_name: str
    channels: int
    grid: tuple[int, int] | None
    training: dict[str, Any]


def read_encoder(path: Path) -> EncoderFile:
    """The encoder in an ONNX file, with the `.json` beside it, if there is one.

    That file may hold `image` (the fields of `ImageOptions`), `output` (else the first one) and
    `training`, which goes into the model's manifest. What it does not say: the size is the
    graph's own, mean and std are those that ImageNet networks are used to.

    Raises:
        ValueError: the graph takes or gives something else than images and features.
    """
    content = path.read_bytes()
    session = _session(content)
    told: dict[str, Any] = {}
    if path.with_suffix(".json").exists():
        told = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    inputs, outputs = session.get_inputs(), {one.name: one for one in session.get_outputs()}
    if len(inputs) != 1 or len(inputs[0].shape) != 4 or inputs[0].type != "tensor(float)":
        raise ValueError(f"{path}: an encoder takes one float32 input of four axes")
    output = told.get("output") or session.get_outputs()[0].name
    if output not in outputs:
        raise ValueError(f"{path} has no output {output!r}; it has {', '.join(outputs)}")
    image = _image_input(path, inputs[0].shape, told.get("image") or {})
    return _encoder_file(content, session, image, output, told.get("training") or {}, str(path))


def version_encoder(content: bytes, image: ImageOptions, output: str | None) -> EncoderFile:
    """The encoder of a published version, by its graph and what the manifest says."""
    session = _session(content)
    name = output or session.get_outputs()[0].name
    return _encoder_file(content, session, image, name, {}, "the encoder")


def _encoder_file(
    content: bytes,
    session: onnxruntime.InferenceSession,
    image: ImageOptions,
    output: str,
    training: dict[str, Any],
    where: str,
) -> EncoderFile:
    """The encoder, after a trial on an empty image.

    Raises:
        ValueError: it does not give features for images.
    """
    name = session.get_inputs()[0].name
    found = session.run([output], {name: np.zeros((1, *image.shape), np.float32)})[0]
    if found.ndim not in (2, 4) or found.dtype != np.float32:
        raise ValueError(
            f"{where}: {output} must be float32 (batch, channels) or (batch, channels, height, "
            f"width), and is {found.dtype} of {found.shape}"
        )
    grid = (int(found.shape[2]), int(found.shape[3])) if found.ndim == 4 else None
    return EncoderFile(content, image, name, output, int(found.shape[1]), grid, training)


def _image_input(path: Path, shape: list[Any], told: dict[str, Any]) -> ImageOptions:
    layout = told.get("layout") or ("NHWC" if shape[3] == 3 else "NCHW")
    own = dict(
        zip(("height", "width"), shape[1:3] if layout == "NHWC" else shape[2:4], strict=True)
    )
    values: dict[str, Any] = {name: s for name, s in own.items() if isinstance(s, int)}
    values |= {"mean": _IMAGENET_MEAN, "std": _IMAGENET_STD}
    values |= {name: tuple(v) if isinstance(v, list) else v for name, v in told.items()}
    if not {"height", "width"} <= values.keys():
        raise ValueError(f"{path} takes any size: tell height and width in {path.stem}.json")
    try:
        return ImageOptions(**{**values, "layout": layout})
    except TypeError as error:
        raise ValueError(f"{path.with_suffix('.json')}: image: {error}") from None


def _session(content: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


@dataclass(frozen=True)
class ViewOptions:
    """The views of an image beside itself and its mirror image."""

    crops: int = 2  # random ones
    smallest: float = 0.5  # share of the image's area that a crop shows, at least
    seed: int = 0  # of the crops

    @property
    def views(self) -> int:
        return 2 + self.crops


def encode_images(
    encoder: EncoderFile,
    images: Iterable[tuple[str, bytes]],
    folder: Path,
    *,
    views: ViewOptions | None,
    cells: bool,
    progress: Callable[[int], None] | None = None,
) -> Features:
    """Features of all images, kept in `folder` and read from there if they are of the same kind.

    Without `views` an image is seen once, as it is. `cells` keeps the map beside its mean.

    Raises:
        ValueError: an image cannot be decoded; it is named.
    """
    if cells and encoder.grid is None:
        raise ValueError("the encoder gives a vector: a decoder cannot attend to it")
    kind = json.dumps(
        {
            "encoder": hashlib.sha256(encoder.content).hexdigest(),
            "output": encoder.output_name,
            "image": asdict(encoder.image),
            "views": None if views is None else asdict(views),
            "cells": cells,
        }
    )
    mark = folder / "kind.json"
    if not mark.exists() or mark.read_text() != kind:
        mark.unlink(missing_ok=True)
        _write(encoder, images, folder, views, cells, progress)
        mark.write_text(kind)
    return read_features(folder, cells=cells)


def _write(
    encoder: EncoderFile,
    images: Iterable[tuple[str, bytes]],
    folder: Path,
    views: ViewOptions | None,
    cells: bool,
    progress: Callable[[int], None] | None,
) -> None:
    session = _session(encoder.content)
    names: list[str] = []
    pooled: list[Floats] = []
    maps: list[NDArray[np.float16]] = []
    for place, (name, content) in enumerate(images):
        try:
            seen = _views_of(content, place, encoder.image, views)
        except InvalidInput as error:
            raise ValueError(f"{name}: {error.message}") from None
        pixels = normalised(seen, encoder.image)
        found = _run(session, encoder, pixels)
        names.append(name)
        pooled.append(found if found.ndim == 2 else found.mean((2, 3), dtype=np.float32))
        if cells:
            rows = found.reshape(*found.shape[:2], -1).transpose(
                0, 2, 1
            )  # (views, cells, channels)
            maps.append(rows.astype(np.float16))
        if progress is not None:
            progress(place + 1)
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "pooled.npy", np.stack(pooled))
    if cells:
        np.save(folder / "map.npy", np.stack(maps))
    (folder / "names.json").write_text(json.dumps(names), encoding="utf-8")


def _run(session: onnxruntime.InferenceSession, encoder: EncoderFile, pixels: Floats) -> Floats:
    parts = [
        session.run([encoder.output_name], {encoder.input_name: pixels[at : at + _AT_ONCE]})[0]
        for at in range(0, len(pixels), _AT_ONCE)
    ]
    found: Floats = np.concatenate(parts)
    return found


def _views_of(
    content: bytes, place: int, options: ImageOptions, views: ViewOptions | None
) -> Pixels:
    """Views (views, height, width, 3) of image number `place`; view 0 is what the service sees."""
    plain = read_pixels(content, options, max_pixels=_MAX_PIXELS)
    if views is None:
        return plain[None]
    seen = [plain, plain[:, ::-1]]
    with Image.open(io.BytesIO(content)) as file:
        image = ImageOps.exif_transpose(file).convert("RGB")
    mirrored = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    draw = np.random.default_rng((views.seed, place))
    for _ in range(views.crops):
        side = float(np.sqrt(draw.uniform(views.smallest, 1.0)))
        width, height = round(image.width * side), round(image.height * side)
        left = int(draw.integers(0, image.width - width + 1))
        top = int(draw.integers(0, image.height - height + 1))
        source = mirrored if draw.random() < 0.5 else image
        crop = source.crop((left, top, left + width, top + height))
        seen.append(np.asarray(resized(crop, options)))
    return np.stack(seen)
