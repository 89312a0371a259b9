"""Begins a classifier with the language that a published one has learned. Knows no texts.

What labels that one has does not matter: its tokens, embedding and recurrence are taken.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from app.errors import ModelRefused
from app.features.text import TOKENIZER_FILE
from app.serving.models.manifest import read_manifest
from app.training.sentiment.fit import new_network
from app.training.sentiment.material import Material
from app.training.sentiment.network import TextClassifier
from app.training.sentiment.recipe import SentimentRecipe
from app.training.sentiment.warm_start import load_weights

_SIZES = ("cell", "embedding_size", "hidden_size", "num_layers", "bidirectional")


def started_recipe(recipe: SentimentRecipe, start: Path) -> SentimentRecipe:
    """The recipe with the sizes of the version in `start`, and without a warm-up of its own.

    Raises:
        ModelRefused: that version is no text classifier of this project.
    """
    network: Any = read_manifest(start).training.get("network")
    if not isinstance(network, dict) or not set(_SIZES) <= network.keys():
        raise ModelRefused(f"{start} is no text classifier whose training is known")
    return replace(recipe, warm_ups=0, **{name: network[name] for name in _SIZES})


def take_tokens(start: Path, folder: Path) -> None:
    """Put the tokeniser of the version in `start` where a training in `folder` finds it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / TOKENIZER_FILE).write_bytes((start / TOKENIZER_FILE).read_bytes())


def started_network(material: Material, recipe: SentimentRecipe, start: Path) -> TextClassifier:
    """A network with the embedding and the recurrence of the version in `start`.

    Raises:
        ModelRefused: it has other layers.
    """
    labels: Any = read_manifest(start).features["labels"]
    giving = new_network(material, replace(recipe, labels=tuple(labels)))
    load_weights(giving, start)
    network = new_network(material, recipe)
    network.embedding.load_state_dict(giving.embedding.state_dict())
    network.recurrent.load_state_dict(giving.recurrent.state_dict())
    return network


def terms_of(start: Path) -> dict[str, JsonValue]:
    """Which version the network began with, and its terms, for the manifest."""
    manifest = read_manifest(start)
    return {"name": manifest.name, "version": manifest.version, "license": manifest.license}
