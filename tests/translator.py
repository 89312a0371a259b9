"""A translator on random weights: the real task, the real graphs. Knows no training.

What it says means nothing, but it depends on the source and on all that was said before.
"""

from functools import cache
from pathlib import Path
from typing import Any

import torch
from pydantic import JsonValue
from tokenizers import Tokenizer

from app.features.text import TOKENIZER_FILE
from app.serving.models.manifest import Golden, Network, write_manifest
from app.serving.runtime.session import Session
from app.tasks.translate.features import Subwords, TranslateFeatures
from app.tasks.translate.task import DECODER, ENCODER, TranslateTask
from app.training.translate.graph import decoder_graph, encoder_graph
from app.training.translate.network import Attention, Translator, TranslatorOptions
from app.training.translate.subwords import fit_subwords
from tests.captioner import relisted
from tests.doubles import OPSET, write_version

TEXTS = (
    "A man and a woman walk in the park.",
    "Ein Mann und eine Frau gehen in den Park.",
    "Two dogs run over the green grass, and a cat sleeps.",
    "Deux chiens courent dans l'herbe verte et un chat dort.",
)
FEATURES = TranslateFeatures(source="en", targets=("de", "fr"), max_source=40, max_length=20)


@cache
def tokenizer_json() -> str:
    return fit_subwords(TEXTS * 3, FEATURES.targets, 500).to_str()


@cache
def subwords() -> Subwords:
    return Subwords(Tokenizer.from_str(tokenizer_json()), FEATURES)


@cache
def network(
    attention: Attention = "multiplicative", cell: str = "gru", seed: int = 0
) -> Translator:
    torch.manual_seed(seed)
    made = Translator(
        TranslatorOptions(
            len(subwords()),
            cell,
            embedding_size=12,
            encoder_size=8,
            hidden_size=16,
            attention=attention,
        )
    )
    with torch.no_grad():
        made.bias.normal_(std=2.0)
        made.bias[: len(made.bias) - 60] -= 4.0  # bytes are seldom said
        made.keys.weight *= 8.0
    return made.eval()


@cache
def graphs(
    attention: Attention = "multiplicative", cell: str = "gru", seed: int = 0
) -> tuple[bytes, bytes]:
    one = network(attention, cell, seed)
    built = encoder_graph(one), decoder_graph(one, sorted(subwords().never))
    return bytes(built[0].SerializeToString()), bytes(built[1].SerializeToString())


def translate_task(
    features: TranslateFeatures = FEATURES,
    attention: Attention = "multiplicative",
    cell: str = "gru",
) -> TranslateTask:
    """The real task on the random network."""
    encoder, decoder = (Session(each) for each in graphs(attention, cell))
    return TranslateTask(features, subwords(), encoder, decoder)


def write_translator(
    root: Path, name: str = "translate", version: str = "1", **features: Any
) -> Path:
    """Write a version that the real task loads and serves."""
    known = FEATURES.model_copy(update=features)
    task = translate_task(known)
    requests: list[dict[str, JsonValue]] = [
        {"text": "A man walks.", "target": "de", "max_length": 8},
        {"text": "Two dogs. A cat.", "target": "fr", "beam_width": 2, "max_length": 9},
        {"text": "A woman", "target": "de", "attention": True, "max_length": 6},
    ]
    golden = tuple(
        Golden(request=each, answer=task.predict([task.encode(**each)])[0].to_json())  # type: ignore[arg-type]
        for each in requests
    )
    changes = {
        "task": "translate",
        "features": known.model_dump(mode="json"),
        "golden": golden,
        "network": Network(cell="gru", num_layers=2, hidden_size=16, parameters=1, opset=OPSET),
    }
    folder = write_version(root, name, version, changes=changes)
    (folder / "model.onnx").unlink()
    for file, content in zip((ENCODER, DECODER), graphs(), strict=True):
        (folder / file).write_bytes(content)
    (folder / TOKENIZER_FILE).write_text(tokenizer_json(), encoding="utf-8")
    write_manifest(folder, relisted(folder))
    return folder
