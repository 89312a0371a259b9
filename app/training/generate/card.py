"""Writes the model card of a language model; knows what a reader must be told, no figures."""

from collections.abc import Mapping
from typing import Any

from pydantic import JsonValue

from app.training.generate.data import TextData

SHAKESPEARE_LICENSE = "CC0-1.0: learned from Shakespeare's works, which are in the public domain."
OWN_LICENSE = "Trained on texts of its maker, who states the terms."

_CARD = """\
# {name}: goes on writing

Give it a beginning; it goes on, one {unit} after the other, and tells how likely each one was.
A recurrent network ({cell}, {layers} of {hidden} units) reads {units} different {unit}s.

## Use

To see what a network learns from text alone, to draw texts with a temperature and a seed, to score
texts by their likelihood. The same seed gives the same text.

## Limits

- It writes in the manner of what it has read, and means nothing by it. Nothing that it says is a
  fact.
- It knows the characters of its training text only; a prompt with another one is refused.
- It carries whatever its texts hold, names and prejudices of their time included.

## Data

{rows}

{split}. sha256 of every file and the whole recipe stand in `manifest.json`.

## Licence

{license}

## Samples

Not yet drawn.

## Figures

Not yet evaluated.
"""


def license_of(data: TextData) -> str:
    """The terms of a network that has learned from `data`."""
    works = ("tinyshakespeare", "shakespeare_")
    ours = all(part.file.startswith(works) for part in data.parts)
    return SHAKESPEARE_LICENSE if ours else OWN_LICENSE


def generate_card(name: str, training: Mapping[str, JsonValue], license: str) -> str:
    """The model card (Mitchell et al. 2019) of a language model, in Markdown."""
    recipe: Any = training["recipe"]
    network: Any = training["network"]
    rows: Any = training["rows"]
    layers = recipe["num_layers"]
    return _CARD.format(
        name=name,
        unit=recipe["unit"],
        cell=recipe["cell"],
        layers=f"{layers} layer" if layers == 1 else f"{layers} layers",
        hidden=recipe["hidden_size"],
        units=network["vocabulary_size"] - 1,
        rows="\n".join(
            f"- `{file}`: {count['train_characters']:,} characters learned, "
            f"{count['val_characters']:,} for validation"
            for file, count in rows.items()
        ),
        split=str(training["split"]).capitalize(),
        license=license,
    )
