"""A text classifier that can be followed by hand: the real task, on a table of words.

Knows no training. Every word adds its row of the table, divided by the number of tokens.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from pydantic import JsonValue
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

from app.features.familiarity import FAMILIARITY_FILE, fit_familiarity
from app.features.text import PAD, TOKENIZER_FILE, UNKNOWN, TextReader
from app.serving.models.manifest import (
    Golden,
    Manifest,
    Network,
    digest,
    read_manifest,
    write_manifest,
)
from app.serving.runtime.session import Session
from app.tasks.sentiment import SentimentFeatures, SentimentTask
from tests.doubles import OPSET, write_version

LABELS = ("negative", "neutral", "positive")
BIAS = (0.25, 0.5, 0.0)
# What a word adds to each label.
WORDS: Mapping[str, tuple[float, float, float]] = {
    "good": (-2.0, 0.0, 4.0),
    "bad": (4.0, 0.0, -2.0),
    "fine": (0.0, 3.0, 0.0),
    "not": (1.0, 0.0, 0.0),
    "[unk]": (0.0, 0.5, 0.0),
}
FEATURES = SentimentFeatures(labels=LABELS, max_tokens=16, chunk_length=8)
SEVERAL = FEATURES.model_copy(update={"threshold": 0.65})
_ALPHABET = "abcdefghijklmnopqrstuvwxyz'!?.,;:[]<>/@&"
_VOCABULARY = [*WORDS, "the", "film", "was", "xxuser", "xxlink", "don't", "un", "believ", "able"]


@cache
def tokenizer_json() -> str:
    """A whole pipeline: replacements that insert and drop, words, byte-pair encoding."""
    tokenizer = Tokenizer(_merges())
    replacements = (
        (r"<br\s*/?>", " "),
        (r"https?://\S+", " xxlink "),
        (r"@\w+", " xxuser "),
        (r"\s+", " "),
        (r" (?=n't\b)", ""),
        (r"([a-z])(?=\1\1)", ""),
    )
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.NFKC(),
            normalizers.Lowercase(),
            *(normalizers.Replace(Regex(pattern), content) for pattern, content in replacements),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Split(
        Regex(r"[^\W_]+(?:'[^\W_]+)*|\S"), "removed", invert=True
    )
    tokenizer.add_special_tokens([PAD, UNKNOWN])
    return str(tokenizer.to_str())


def _merges() -> models.BPE:
    """Every word of the vocabulary is put together from its left; all others stay letters."""
    names = [PAD, UNKNOWN, *_ALPHABET, *(f"##{letter}" for letter in _ALPHABET)]
    merges = []
    for word in _VOCABULARY:
        if word == UNKNOWN:
            continue
        for prefix in ("", "##"):  # as a word, and at the end of one
            for end in range(1, len(word)):
                left, right = prefix + word[:end], f"##{word[end]}"
                if (left, right) not in merges:
                    merges.append((left, right))
                    names.append(prefix + word[: end + 1])
    vocabulary = {name: number for number, name in enumerate(dict.fromkeys(names))}
    return models.BPE(
        vocab=vocabulary,
        merges=merges,
        unk_token=UNKNOWN,
        continuing_subword_prefix="##",
        fuse_unk=True,
    )


def tokenizer() -> Tokenizer:
    """A tokeniser of its own: reading takes it over and changes it."""
    return Tokenizer.from_str(tokenizer_json())


@cache
def word_graph() -> bytes:
    """ONNX: token_ids (batch, time), lengths (batch) -> logits and contributions."""
    vocabulary = tokenizer()
    table = np.zeros((vocabulary.get_vocab_size(), len(LABELS)), np.float32)
    for word, row in WORDS.items():
        table[vocabulary.token_to_id(word)] = row
    constants: Mapping[str, np.ndarray[Any, Any]] = {
        "table": table,
        "bias": np.array(BIAS, np.float32),
        "zero": np.array(0, np.int64),
        "one": np.array(1, np.int64),
        "time_axis": np.array([1], np.int64),
        "last_axis": np.array([2], np.int64),
        "nothing": np.array(0.0, np.float32),
    }
    nodes = [
        helper.make_node("Shape", ["token_ids"], ["longest"], start=1, end=2),
        helper.make_node("Squeeze", ["longest"], ["time"]),
        helper.make_node("Range", ["zero", "time", "one"], ["steps"]),  # (time)
        helper.make_node("Unsqueeze", ["lengths", "time_axis"], ["ends"]),  # (batch, 1)
        helper.make_node("Less", ["steps", "ends"], ["inside"]),  # (batch, time)
        helper.make_node("Unsqueeze", ["inside", "last_axis"], ["valid"]),
        helper.make_node("Cast", ["ends"], ["counts"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["counts", "last_axis"], ["divisor"]),  # (batch, 1, 1)
        helper.make_node("Gather", ["table", "token_ids"], ["rows"]),  # (batch, time, classes)
        helper.make_node("Where", ["valid", "rows", "nothing"], ["kept"]),
        helper.make_node("Div", ["kept", "divisor"], ["contributions"]),
        helper.make_node("ReduceSum", ["contributions", "time_axis"], ["sum"], keepdims=0),
        helper.make_node("Add", ["sum", "bias"], ["logits"]),  # (batch, classes)
    ]

    def tensor(name: str, kind: int, *shape: str | int) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, kind, shape)

    graph = helper.make_graph(
        nodes,
        "words",
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
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def word_task(features: SentimentFeatures = FEATURES) -> SentimentTask:
    """The real task on the table of words."""
    reader = TextReader(tokenizer(), features.max_tokens)
    return SentimentTask(features, reader, Session(word_graph()))


def write_classifier(
    root: Path,
    name: str = "sentiment",
    version: str = "1",
    *,
    graph: bytes | None = None,
    features: SentimentFeatures = FEATURES,
    task_name: str = "sentiment",
) -> Path:
    """Write a version that the real task of text classifiers loads and serves."""
    task = word_task(features)
    requests: list[dict[str, JsonValue]] = [
        {"text": "The film was good."},
        {"text": "@unroll not a good film, bad! http://example.org", "explain": True},
    ]
    golden = tuple(
        Golden(request=each, answer=task.predict([task.encode(**each)])[0].to_json())  # type: ignore[arg-type]
        for each in requests
    )
    changes = {
        "task": task_name,
        "features": features.model_dump(mode="json"),
        "golden": golden,
        "network": Network(cell="none", num_layers=1, hidden_size=1, parameters=0, opset=OPSET),
    }
    folder = write_version(root, name, version, graph=graph or word_graph(), changes=changes)
    write_tokenizer(folder, tokenizer_json())
    return folder


def write_tokenizer(folder: Path, content: str) -> Manifest:
    """Put a tokenizer.json into a version, and its digest into the manifest."""
    (folder / TOKENIZER_FILE).write_text(content, encoding="utf-8")
    manifest = read_manifest(folder)
    files = manifest.files | {TOKENIZER_FILE: digest(folder / TOKENIZER_FILE)}
    manifest = manifest.model_copy(update={"files": files})
    write_manifest(folder, manifest)
    return manifest


def understand(folder: Path) -> Path:
    """Let a version tell what it understands: a table of characters, and what that changes."""
    texts = ("the film was good and not bad", "was the film fine", "it was not a good film at all")
    (folder / FAMILIARITY_FILE).write_bytes(fit_familiarity(texts * 4, texts).to_bytes())
    manifest = read_manifest(folder)
    manifest = manifest.model_copy(
        update={
            "files": manifest.files | {FAMILIARITY_FILE: digest(folder / FAMILIARITY_FILE)},
            "features": manifest.features | {"understanding": {"threshold": 0.6}},
        }
    )
    task = SentimentTask.load(folder, manifest, lambda file: Session(folder / file))
    requests = [each.request for each in manifest.golden]
    golden = tuple(
        Golden(request=each, answer=task.predict([task.encode(**each)])[0].to_json())  # type: ignore[arg-type]
        for each in requests
    )
    write_manifest(folder, manifest.model_copy(update={"golden": golden}))
    return folder
