"""Writes the model card of a translator; knows what a reader must be told, no figures."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from pydantic import JsonValue

from app.training.translate.data import TranslateData

MULTI30K_LICENSE = """\
Weights: for non-commercial research and education only. They were learned from Multi30k (Elliott,
Frank, Sima'an and Specia 2016), whose sentences describe photographs of Flickr30k, and from pairs
of tatoeba.org (CC BY 2.0, by way of manythings.org/anki) where the data name them."""
OWN_LICENSE = "Trained on sentence pairs of its maker, who states the terms."

_SHADES: Final = " .:*#"
_CARD = """\
# {name}: translates {languages}

Give it a text; it answers the same in another language. A bidirectional encoder reads a sentence, a
decoder writes its translation token by token and looks back at the source at every step
({attention}). Cells: {cell}; {words:,} subwords that all languages share; what has none is read
and written byte by byte, so that names and numbers can be copied.

## Use

For short everyday sentences, such as descriptions of what can be seen. A translation may be wrong,
and may say what the source does not: nobody should rely on it without reading both.

## Limits

- It has learned few sentences, and of few kinds. Of anything else it translates the words that it
  knows, and fills in likely ones for the rest.
- Sentences are translated one by one: what "it" is in the sentence before, is not known.
- Who does something is often said with a sex that the source does not tell; the habits of the
  people who wrote the pairs decide. This was not measured.

## Data

{rows}

{split}. sha256 of every file and the whole recipe stand in `manifest.json`.

## Licence

{license}

## Alignments

Not yet drawn.

## Figures

Not yet evaluated.
"""


def license_of(data: TranslateData) -> str:
    """The terms of a network that has learned from `data`."""
    named = any(each.name in ("multi30k", "eng-fra") for each in data.corpora)
    return MULTI30K_LICENSE if named else OWN_LICENSE


def translate_card(name: str, training: Mapping[str, JsonValue], license: str) -> str:
    """The model card (Mitchell et al. 2019) of a translator, in Markdown."""
    recipe: Any = training["recipe"]
    network: Any = training["network"]
    rows: Any = training["rows"]
    pairs = sorted({place.rpartition(" ")[2] for place in rows})
    attention = recipe["attention"]
    return _CARD.format(
        name=name,
        languages=", ".join(pairs),
        attention="it does not: all it gets is the mean of the source"
        if attention == "none"
        else f"{attention} attention",
        cell=recipe["cell"],
        words=network["vocabulary_size"],
        rows="\n".join(
            f"- {place}: {count['train_pairs']:,} pairs learned, {count['val_pairs']:,} for "
            "validation"
            for place, count in rows.items()
        ),
        split=str(training["split"]).capitalize(),
        license=license,
    )


def alignment(source: Sequence[str], words: Sequence[tuple[str, Sequence[float]]]) -> str:
    """Where the decoder looked, as a block of text: a line a source token, a column a word.

    The darker, the more weight: `.` from an eighth, `:` from a quarter, `*` from a half, `#` from
    three quarters.
    """
    weights = np.array([row for _, row in words])  # (words, source)
    levels = np.digitize(weights, (0.125, 0.25, 0.5, 0.75))
    width = max(map(len, source))
    lines = [
        f"    {token:>{width}} |{' '.join(_SHADES[level] for level in levels[:, place])}|"
        for place, token in enumerate(source)
    ]
    return "\n".join([f"    {'':>{width}}  {' '.join(word for word, _ in words)}", *lines])
