"""A captioner of three tiny graphs: the real task, on random weights. Knows no training.

Made with `onnx.helper`; with attention it looks at the four quarters of an image. What its
sentences say means nothing, but they depend on the image, and on every word before.
"""

import base64
import io
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from pydantic import JsonValue

from app.serving.models.manifest import Golden, Network, digest, read_manifest, write_manifest
from app.serving.runtime.session import Session
from app.tasks.caption.features import (
    VOCABULARY_FILE,
    CaptionFeatures,
    Confidence,
    ImageFeatures,
)
from app.tasks.caption.task import DECODER, ENCODER, FAMILIAR, START, CaptionTask
from tests.doubles import OPSET, write_version

Array = npt.NDArray[Any]

SIZE = 8
HIDDEN = 6
TOP = 11
WORDS = ("<pad>", "<bos>", "<eos>", "<unk>", "a", "red", "blue", "dog", "runs", ",", "on", "grass")
IMAGE = ImageFeatures(
    height=SIZE, width=SIZE, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25), resize="squash"
)
FEATURES = CaptionFeatures(image=IMAGE, max_length=7, beam_width=3, length_penalty=0.7)
ATTENDING = FEATURES.model_copy(update={"grid": (2, 2)})
# Abstains from what is less red than grey.
CONFIDENCE = Confidence(threshold=0.5, scale=2.0, offset=1.0, right=0.4)


def png(seed: int, size: tuple[int, int] = (12, 9)) -> bytes:
    """A PNG of random blocks of colour, width and height in `size`."""
    blocks = np.random.default_rng(seed).integers(0, 256, (3, 4, 3), np.uint8)
    image = Image.fromarray(blocks).resize(size, Image.Resampling.NEAREST)
    return encoded(image, "PNG")


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    """The file of an image."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def as_text(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _model(
    name: str,
    nodes: list[onnx.NodeProto],
    inputs: list[onnx.ValueInfoProto],
    outputs: list[onnx.ValueInfoProto],
    constants: Mapping[str, Array],
) -> bytes:
    weights = [numpy_helper.from_array(value, key) for key, value in constants.items()]
    graph = helper.make_graph(nodes, name, inputs, outputs, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10)
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())


def _tensor(name: str, kind: int, *shape: str | int) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)


@cache
def encoder_graph(layout: str = "NCHW") -> bytes:
    """ONNX: pixels -> features (batch, 3, 2, 2), the mean colours of the image's quarters."""
    half = SIZE // 2
    shape = ("batch", 3, SIZE, SIZE) if layout == "NCHW" else ("batch", SIZE, SIZE, 3)
    window = [half, half]
    nodes = [
        helper.make_node(
            "AveragePool", ["planes"], ["features"], kernel_shape=window, strides=window
        )
    ]
    first = helper.make_node("Identity", ["pixels"], ["planes"])
    if layout == "NHWC":
        first = helper.make_node("Transpose", ["pixels"], ["planes"], perm=[0, 3, 1, 2])
    return _model(
        "encoder",
        [first, *nodes],
        [_tensor("pixels", TensorProto.FLOAT, *shape)],
        [_tensor("features", TensorProto.FLOAT, "batch", 3, 2, 2)],
        {},
    )


@cache
def start_graph(attends: bool = False, seed: int = 0) -> bytes:
    """ONNX: features -> hidden_state, and colours of the whole image or of its quarters."""
    draw = np.random.default_rng(seed)
    constants: dict[str, Array] = {
        "flat": np.array([0, 12], np.int64),
        "first": draw.normal(size=(12, HIDDEN)).astype(np.float32),
    }
    nodes = [
        helper.make_node("Reshape", ["features", "flat"], ["row"]),  # (batch, 12)
        helper.make_node("MatMul", ["row", "first"], ["projected"]),
        helper.make_node("Tanh", ["projected"], ["hidden_state"]),
    ]
    if attends:
        constants["columns"] = np.array([0, 3, 4], np.int64)
        nodes += [
            helper.make_node("Reshape", ["features", "columns"], ["planes"]),  # (batch, 3, 4)
            helper.make_node("Transpose", ["planes"], ["cells"], perm=[0, 2, 1]),
        ]
        context = _tensor("cells", TensorProto.FLOAT, "batch", 4, 3)
    else:
        constants["planes"] = np.array([2, 3], np.int64)
        nodes.append(helper.make_node("ReduceMean", ["features", "planes"], ["image"], keepdims=0))
        context = _tensor("image", TensorProto.FLOAT, "batch", 3)
    return _model(
        "start",
        nodes,
        [_tensor("features", TensorProto.FLOAT, "batch", 3, 2, 2)],
        [_tensor("hidden_state", TensorProto.FLOAT, "batch", HIDDEN), context],
        constants,
    )


@cache
def familiar_graph() -> bytes:
    """ONNX: features -> logit (batch), four times the mean red of an image."""
    constants: dict[str, Array] = {
        "red": np.array([4.0, 0.0, 0.0], np.float32),
        "planes": np.array([2, 3], np.int64),
        "colours": np.array([1], np.int64),
    }
    nodes = [
        helper.make_node("ReduceMean", ["features", "planes"], ["mean"], keepdims=0),  # (batch, 3)
        helper.make_node("Mul", ["mean", "red"], ["weighed"]),
        helper.make_node("ReduceSum", ["weighed", "colours"], ["logit"], keepdims=0),  # (batch)
    ]
    features = _tensor("features", TensorProto.FLOAT, "batch", 3, 2, 2)
    logit = _tensor("logit", TensorProto.FLOAT, "batch")
    return _model("familiar", nodes, [features], [logit], constants)


@cache
def decoder_graph(attends: bool = False, seed: int = 0, ends: bool = True) -> bytes:
    """ONNX: one step. hidden' = tanh(E[token] + hidden U + colours V); words from hidden'.

    Without `ends` no caption ends before its longest.
    """
    draw = np.random.default_rng(seed + 1)
    words = len(WORDS)
    bias = np.zeros(words, np.float32)
    bias[[0, 1, 3] if ends else [0, 1, 2, 3]] = -1e30
    top = min(TOP, words - 3)
    constants: dict[str, Array] = {
        "embedding": draw.normal(size=(words, HIDDEN)).astype(np.float32),
        "recurrent": draw.normal(size=(HIDDEN, HIDDEN)).astype(np.float32),
        "colours": draw.normal(size=(3, HIDDEN)).astype(np.float32),
        "output": 2 * draw.normal(size=(HIDDEN, words)).astype(np.float32),
        "bias": bias,
        "top": np.array([top], np.int64),
    }
    nodes = []
    if attends:
        constants["query"] = draw.normal(size=(HIDDEN, 3)).astype(np.float32)
        constants["last"] = np.array([2], np.int64)
        constants["middle"] = np.array([1], np.int64)
        nodes = [
            helper.make_node("MatMul", ["hidden_state", "query"], ["asked"]),
            helper.make_node("Unsqueeze", ["asked", "last"], ["column"]),  # (rows, 3, 1)
            helper.make_node("MatMul", ["cells", "column"], ["scores"]),  # (rows, 4, 1)
            helper.make_node("Squeeze", ["scores", "last"], ["flat"]),
            helper.make_node("Softmax", ["flat"], ["attention"], axis=1),
            helper.make_node("Unsqueeze", ["attention", "middle"], ["line"]),
            helper.make_node("MatMul", ["line", "cells"], ["seen"]),  # (rows, 1, 3)
            helper.make_node("Squeeze", ["seen", "middle"], ["image"]),
        ]
    nodes += [
        helper.make_node("Gather", ["embedding", "token_ids"], ["token"]),
        helper.make_node("MatMul", ["hidden_state", "recurrent"], ["before"]),
        helper.make_node("MatMul", ["image", "colours"], ["coloured"]),
        helper.make_node("Sum", ["token", "before", "coloured"], ["entry"]),
        helper.make_node("Tanh", ["entry"], ["next_hidden_state"]),
        helper.make_node("MatMul", ["next_hidden_state", "output"], ["product"]),
        helper.make_node("Add", ["product", "bias"], ["logits"]),
        helper.make_node("LogSoftmax", ["logits"], ["logs"], axis=1),
        helper.make_node("TopK", ["logs", "top"], ["log_probabilities", "next_token_ids"], axis=1),
    ]
    context = ("cells", 4, 3) if attends else ("image", 3)
    outputs = [
        _tensor("log_probabilities", TensorProto.FLOAT, "rows", top),
        _tensor("next_token_ids", TensorProto.INT64, "rows", top),
        _tensor("next_hidden_state", TensorProto.FLOAT, "rows", HIDDEN),
    ]
    if attends:
        outputs.append(_tensor("attention", TensorProto.FLOAT, "rows", 4))
    return _model(
        "decoder",
        nodes,
        [
            _tensor("token_ids", TensorProto.INT64, "rows"),
            _tensor("hidden_state", TensorProto.FLOAT, "rows", HIDDEN),
            _tensor(context[0], TensorProto.FLOAT, "rows", *context[1:]),
        ],
        outputs,
        constants,
    )


def graphs(
    features: CaptionFeatures = FEATURES, seed: int = 0, *, ends: bool = True
) -> dict[str, bytes]:
    """The graphs of a version, by name."""
    attends = features.grid is not None
    found = {
        ENCODER: encoder_graph(features.image.layout),
        START: start_graph(attends, seed),
        DECODER: decoder_graph(attends, seed, ends),
    }
    return found if features.confidence is None else found | {FAMILIAR: familiar_graph()}


def caption_task(
    features: CaptionFeatures = FEATURES, seed: int = 0, *, ends: bool = True
) -> CaptionTask:
    """The real task on the tiny graphs."""
    sessions = [Session(content) for content in graphs(features, seed, ends=ends).values()]
    return CaptionTask(features, WORDS, *sessions)


def write_captioner(
    root: Path,
    name: str = "caption",
    version: str = "1",
    *,
    features: CaptionFeatures = FEATURES,
    seed: int = 0,
    ends: bool = True,
) -> Path:
    """Write a version that the real caption task loads and serves."""
    task = caption_task(features, seed, ends=ends)
    requests: list[dict[str, JsonValue]] = [
        {"image": as_text(png(1)), "max_length": 7},
        {"image": as_text(png(2)), "beam_width": 4, "num_captions": 3, "max_length": 5},
        {"image": as_text(png(3)), "max_length": 6, "attention": features.grid is not None},
    ]
    golden = tuple(
        Golden(request=each, answer=task.predict([task.encode(**each)])[0].to_json())  # type: ignore[arg-type]
        for each in requests
    )
    changes = {
        "task": "caption",
        "license": "Apache-2.0; the images it was trained on are for research use",
        "features": features.model_dump(mode="json"),
        "golden": golden,
        "network": Network(cell="rnn", num_layers=1, hidden_size=HIDDEN, parameters=1, opset=OPSET),
    }
    folder = write_version(root, name, version, changes=changes)
    (folder / "model.onnx").unlink()
    for file, content in graphs(features, seed, ends=ends).items():
        (folder / file).write_bytes(content)
    (folder / VOCABULARY_FILE).write_text(json.dumps(WORDS), encoding="utf-8")
    manifest = relisted(folder)
    write_manifest(folder, manifest)
    return folder


def relisted(folder: Path) -> Any:
    """The manifest with the digests of the files that are there."""
    names = [each.name for each in folder.iterdir() if each.name != "manifest.json"]
    manifest = read_manifest(folder)
    return manifest.model_copy(update={"files": {each: digest(folder / each) for each in names}})
