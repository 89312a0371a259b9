"""What a published classifier has learned, taken back out of its graph. Knows graphs, no texts."""

from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from pydantic import JsonValue
from torch import Tensor

from app.errors import ModelRefused
from app.features.text import TOKENIZER_FILE
from app.serving.models.manifest import read_manifest
from app.training.common.classic_cells import Lstm
from app.training.common.publish import GRAPH
from app.training.sentiment.fit import new_network
from app.training.sentiment.material import Material
from app.training.sentiment.network import TextClassifier
from app.training.sentiment.ngram_rows import NgramOptions
from app.training.sentiment.ngrams import NgramClassifier
from app.training.sentiment.recipe import SentimentRecipe

_SCOPE = "network/"


def load_weights(network: TextClassifier, folder: Path) -> None:
    """Give `network` the weights of the version in `folder`, a bidirectional LSTM of its sizes.

    The embedding has the half precision that it was published with.

    Raises:
        ModelRefused: the graph has no such layers, or they have other sizes.
    """
    graph = onnx.load(folder / GRAPH).graph
    stored = _stored(graph)
    layers = [node for node in graph.node if node.op_type == "LSTM"]
    if len(layers) != 1:
        raise ModelRefused(f"{folder} has {len(layers)} LSTM layers, one is needed")
    kernel, recurrent, bias = (stored[name] for name in layers[0].input[1:4])
    hidden = recurrent.shape[2]
    size, classes = hidden * len(kernel), stored[f"{_SCOPE}bias"].shape[0]
    # In the order in which they were added: of the maximum, of the mean.
    head = [
        array
        for name, array in stored.items()
        if name.startswith(_SCOPE) and array.shape == (size, classes)
    ]
    weights = {
        "embedding.weight": stored[f"{_SCOPE}embedding"],
        "head.weight": np.concatenate(head).T,
        "head.bias": stored[f"{_SCOPE}bias"],
    }
    for at in range(len(kernel)):
        of_input, of_state = bias[at][: 4 * hidden], bias[at][4 * hidden :]
        weights |= {
            f"recurrent.cells.{at}.weight_ih": _gates_of_torch(kernel[at]),
            f"recurrent.cells.{at}.weight_hh": _gates_of_torch(recurrent[at]),
            f"recurrent.cells.{at}.bias_ih": _gates_of_torch(of_input),
            f"recurrent.cells.{at}.bias_hh": _gates_of_torch(of_state),
        }
    tensors: dict[str, Tensor] = {
        name: torch.tensor(np.asarray(array, np.float32)) for name, array in weights.items()
    }
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        raise ModelRefused(f"{folder} has other layers: {error}") from error


def load_ngrams(options: NgramOptions, classes: int, folder: Path) -> NgramClassifier:
    """The n-gram classifiers of the version in `folder`, each as much as it counts there.

    Raises:
        ModelRefused: the graph has none of these sizes.
    """
    stored = _stored(onnx.load(folder / GRAPH).graph)
    try:
        table, gate_bias = stored["ngrams/ngrams"], stored["ngrams/gate_bias"]
        bias, words = stored["ngrams/ngram_bias"], len(stored[f"{_SCOPE}embedding"])
    except KeyError as error:
        raise ModelRefused(f"{folder} has no n-grams: {error} is missing") from error
    wide, rows = bias.size, words + options.bigrams + options.trigrams
    if table.shape != (rows, wide + len(gate_bias) + 1) or bias.shape[1] != classes:
        raise ModelRefused(f"{folder} has n-grams of other sizes: {table.shape}")
    values = table.astype(np.float32)
    return NgramClassifier(
        vocabulary_size=words,
        options=options,
        weights=values[:, :wide].reshape(rows, len(bias), classes),
        gate=values[:, wide:-1],
        squares=values[:, -1],
        bias=bias,
        gate_bias=gate_bias,
    )


def take_tokenizer(start: Path, refit_start: Path | None, folder: Path) -> None:
    """Put the tokeniser of `start` into `folder`, where `build_material` finds it.

    Raises:
        ModelRefused: `start` has learned the held-out texts, or `refit_start` has other tokens.
    """
    if "refit_of" in read_manifest(start).training:
        raise ModelRefused(f"{start} has learned the held-out texts: nothing could be measured")
    tokens = (start / TOKENIZER_FILE).read_bytes()
    if refit_start is not None and (refit_start / TOKENIZER_FILE).read_bytes() != tokens:
        raise ModelRefused(f"{refit_start} has other tokens than {start}")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / TOKENIZER_FILE).write_bytes(tokens)


def started(
    material: Material, recipe: SentimentRecipe, start: Path | None
) -> TextClassifier | None:
    """A network with the weights of the version in `start`, if there is one."""
    if start is None:
        return None
    network = new_network(material, recipe)
    load_weights(network, start)
    return network


def moved(
    material: Material,
    recipe: SentimentRecipe,
    learned: TextClassifier,
    start: Path,
    other: Path,
) -> TextClassifier:
    """The network in `other` with all that learning moved the weights in `start` by to become
    `learned`. Both must come from one warm-up, or their weights do not mean the same."""
    before, network = started(material, recipe, start), started(material, recipe, other)
    assert before is not None
    assert network is not None
    weights = zip(network.parameters(), learned.parameters(), before.parameters(), strict=True)
    with torch.no_grad():
        for weight, after, first in weights:
            weight.add_(after - first)
    return network


def origin(folder: Path) -> dict[str, JsonValue]:
    """Which version is in `folder`, and the sha256 of its graph."""
    manifest = read_manifest(folder)
    return {"version": manifest.version, "sha256": manifest.files[GRAPH].sha256}


def _stored(graph: onnx.GraphProto) -> dict[str, NDArray[np.float32]]:
    return {each.name: numpy_helper.to_array(each) for each in graph.initializer}


def _gates_of_torch(blocks: NDArray[np.float32]) -> NDArray[np.float32]:
    """(4 * hidden, ...) in the order of ONNX -> in that of torch."""
    found = np.split(blocks, Lstm.gates)
    return np.concatenate([found[place] for place in np.argsort(Lstm.gate_order)])
