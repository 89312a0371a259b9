"""The two networks that are served, with random weights. Knows graphs and folders; no service.

small: an LSTM of 40 units and a linear head, asked by its tensors: it costs 25 microseconds at 26
steps, so what a request costs beside the network decides. large: two bidirectional layers of 256
units, asked by text: there the network decides, and how rows of different lengths share batches.
"""

import json
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from app.features.text import PAD, TOKENIZER_FILE, UNKNOWN, TextReader
from app.serving.models.manifest import Golden, Manifest, Network, digest, write_manifest
from app.serving.runtime.session import Session
from app.tasks.sentiment import SentimentFeatures, SentimentTask
from benchmarks.load.corpus import LABELS, LONGEST, WORDS, word
from benchmarks.small import publish as publish_small

SMALL: Final = "small"
LARGE: Final = "large"
EMBEDDING, HIDDEN, OPSET = 128, 256, 20

__all__ = ["LARGE", "SMALL", "publish_large", "publish_small"]


def tokenizer_json() -> str:
    """A tokeniser that takes words at white space and has one token for each."""
    vocabulary = {PAD: 0, UNKNOWN: 1} | {word(index): index for index in range(2, WORDS + 2)}
    model = {"type": "WordLevel", "vocab": vocabulary, "unk_token": UNKNOWN}
    return json.dumps(
        {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "added_tokens": [],
            "normalizer": {"type": "Lowercase"},
            "pre_tokenizer": {"type": "Whitespace"},
            "post_processor": None,
            "decoder": None,
            "model": model,
        }
    )


def large_graph() -> bytes:
    """ONNX: token_ids (batch, time), lengths (batch) -> logits (batch, classes), contributions."""
    rng = np.random.default_rng(0)
    constants: dict[str, Any] = {
        "embedding": rng.normal(0, 1, (WORDS + 2, EMBEDDING)).astype(np.float32),
        "head": rng.normal(0, 0.1, (2 * HIDDEN, len(LABELS))).astype(np.float32),
        "bias": rng.normal(0, 0.1, len(LABELS)).astype(np.float32),
        "joined": np.array([0, 0, 2 * HIDDEN], np.int64),
        "time_axis": np.array([1], np.int64),
        "ones": np.array([1, 2], np.int64),
    }
    nodes = [
        helper.make_node("Gather", ["embedding", "token_ids"], ["rows"]),  # (batch, time, E)
        helper.make_node("Transpose", ["rows"], ["steps_0"], perm=[1, 0, 2]),
        helper.make_node("Cast", ["lengths"], ["ends"], to=TensorProto.INT32),
        helper.make_node("Cast", ["lengths"], ["counts"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["counts", "ones"], ["divisor"]),  # (batch, 1, 1)
    ]
    for layer, inputs in enumerate((EMBEDDING, 2 * HIDDEN)):
        scale = 1 / np.sqrt(HIDDEN)
        for name, shape in (
            ("W", (2, 4 * HIDDEN, inputs)),
            ("R", (2, 4 * HIDDEN, HIDDEN)),
            ("B", (2, 8 * HIDDEN)),
        ):
            values = rng.uniform(-scale, scale, shape)
            constants[f"{name}_{layer}"] = values.astype(np.float32)
        weights = [f"{name}_{layer}" for name in "WRB"]
        nodes += [
            helper.make_node(
                "LSTM",
                [f"steps_{layer}", *weights, "ends"],
                [f"both_{layer}"],  # (time, 2, batch, hidden)
                hidden_size=HIDDEN,
                direction="bidirectional",
            ),
            helper.make_node("Transpose", [f"both_{layer}"], [f"side_{layer}"], perm=[0, 2, 1, 3]),
            helper.make_node("Reshape", [f"side_{layer}", "joined"], [f"steps_{layer + 1}"]),
        ]
    nodes += [
        helper.make_node("Transpose", ["steps_2"], ["hidden"], perm=[1, 0, 2]),
        helper.make_node("MatMul", ["hidden", "head"], ["parts"]),  # zero on padding, as hidden is
        helper.make_node("Div", ["parts", "divisor"], ["contributions"]),
        helper.make_node("ReduceSum", ["contributions", "time_axis"], ["sum"], keepdims=0),
        helper.make_node("Add", ["sum", "bias"], ["logits"]),
    ]

    def tensor(name: str, kind: int, *shape: str | int) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, kind, shape)

    graph = helper.make_graph(
        nodes,
        "large",
        inputs=[
            tensor("token_ids", TensorProto.INT64, "batch", "time"),
            tensor("lengths", TensorProto.INT64, "batch"),
        ],
        outputs=[
            tensor("logits", TensorProto.FLOAT, "batch", len(LABELS)),
            tensor("contributions", TensorProto.FLOAT, "batch", "time", len(LABELS)),
        ],
        initializer=[numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10)
    return bytes(model.SerializeToString())


def publish_large(root: Path) -> Path:
    """Write the large network as version 1 of the model `large`; returns the graph's file."""
    folder = root / LARGE / "1"
    folder.mkdir(parents=True)
    file = folder / "model.onnx"
    file.write_bytes(large_graph())
    (folder / TOKENIZER_FILE).write_text(tokenizer_json(), encoding="utf-8")
    features = SentimentFeatures(labels=LABELS, max_tokens=LONGEST, chunk_length=LONGEST)
    reader = TextReader.load(folder / TOKENIZER_FILE, LONGEST)
    task = SentimentTask(features, reader, Session(file))
    golden = []
    for text in ("w2 w3 w4", "w5 w6 w7 w8 w9 w10 w11"):
        answer = task.predict([task.encode(text)])[0].to_json()
        golden.append(Golden.model_validate({"request": {"text": text}, "answer": answer}))
    write_manifest(
        folder,
        Manifest(
            name=LARGE,
            version="1",
            task="sentiment",
            created="2026-01-01T00:00:00Z",
            description="Two bidirectional LSTM layers with random weights.",
            license="Apache-2.0",
            intended_use="Benchmarks.",
            files={name: digest(folder / name) for name in ("model.onnx", TOKENIZER_FILE)},
            network=Network(
                cell="lstm", num_layers=2, hidden_size=HIDDEN, parameters=0, opset=OPSET
            ),
            features=features.model_dump(mode="json"),
            golden=tuple(golden),
        ),
    )
    return file
