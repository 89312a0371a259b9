"""A language model on random weights: the real task, the real graph. Knows no training.

What it writes means nothing, but it depends on all that stands before.
"""

from functools import cache
from pathlib import Path
from typing import Any

import torch
from pydantic import JsonValue

from app.features.text import TOKENIZER_FILE
from app.serving.models.manifest import Golden, Network, write_manifest
from app.serving.runtime.session import Session
from app.tasks.generate.features import GenerateFeatures, Units
from app.tasks.generate.task import GenerateTask
from app.training.generate.network import (
    LanguageModel,
    LanguageModelOptions,
    language_model_graph,
)
from app.training.generate.units import fit_units
from tests.captioner import relisted
from tests.doubles import OPSET, write_version

TEXT = "abc abd bcd, acd! dab\ncab bad add dad"
FEATURES = GenerateFeatures(max_length=400)


def units(text: str = TEXT) -> Units:
    return Units(fit_units(text, "character", 0))


@cache
def network(cell: str = "lstm", layers: int = 2, seed: int = 0) -> LanguageModel:
    """A random network for the characters of `TEXT`, sure enough of them to repeat some."""
    torch.manual_seed(seed)
    made = LanguageModel(
        LanguageModelOptions(len(units()), cell, embedding_size=6, hidden_size=9, num_layers=layers)
    )
    with torch.no_grad():
        made.output.weight *= 8
    return made.eval()


@cache
def graph(cell: str = "lstm", layers: int = 2, seed: int = 0) -> bytes:
    return bytes(language_model_graph(network(cell, layers, seed)).SerializeToString())


def generate_task(cell: str = "lstm", layers: int = 2, seed: int = 0) -> GenerateTask:
    """The real task on the random network."""
    return GenerateTask(FEATURES, units(), Session(graph(cell, layers, seed)))


def write_writer(
    root: Path, name: str = "generate", version: str = "1", *, seed: int = 0, **features: Any
) -> Path:
    """Write a version that the real task loads and serves."""
    known = FEATURES.model_copy(update=features)
    task = GenerateTask(known, units(), Session(graph(seed=seed)))
    requests: list[dict[str, JsonValue]] = [
        {"prompt": "abc", "max_length": 8, "seed": 1},
        {"prompt": "", "max_length": 5, "seed": 2, "num_samples": 2, "log_probabilities": True},
    ]
    golden = tuple(
        Golden(request=each, answer=task.predict([task.encode(**each)])[0].to_json())  # type: ignore[arg-type]
        for each in requests
    )
    changes = {
        "task": "generate",
        "features": known.model_dump(mode="json"),
        "golden": golden,
        "network": Network(cell="lstm", num_layers=2, hidden_size=9, parameters=1, opset=OPSET),
    }
    folder = write_version(root, name, version, graph=graph(seed=seed), changes=changes)
    fit_units(TEXT, "character", 0).save(str(folder / TOKENIZER_FILE))
    write_manifest(folder, relisted(folder))
    return folder
