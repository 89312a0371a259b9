"""Writes the model card of a captioner; knows what a reader must be told, no figures."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from pydantic import JsonValue

from app.training.caption.data import Captioned
from app.training.caption.words import words_of

FLICKR_LICENSE = """\
Weights: for non-commercial research and education only. They were learned from Flickr8k (Hodosh,
Young and Hockenmaier 2013), whose photographs belong to their Flickr owners and must not be
published further, and whose captions were released for research. Neither is part of the project."""
OWN_LICENSE = "Trained on images and captions of its maker, who states the terms."

_SHORTEST = 3  # letters of a word that says something
_CARD = """\
# {name}: an image in one sentence

Give it a photograph; it answers a sentence in English, with others that are nearly as likely. A
convolutional encoder looks at the image once ({encoder}); a decoder, {cell} of
{hidden}{attention}, says the caption word by word out of {words:,} words, hearing the last word and
the image at every step. The words it hears and says share one matrix.

## Use

For a first description of everyday photographs like those it learned from: people and dogs, mostly
outdoors, doing something. A sentence may be wrong: people must not rely on it to know what is in an
image, and it must not be the only ground of a decision about a person.

## Limits

- It knows what its training images show. Of anything else it says the nearest thing it knows, in
  the same sure voice: the probability of an answer tells how likely the words are, not whether they
  are true.
- Numbers, colours of small things, written words and places are often wrong, and so is who people
  are: sex and age are guessed from the habits of the people who wrote the captions, and carry their
  bias. This was not measured.
- Images are brought to one small size; what is small in them is not seen.

## Data

{rows}

Split: {split}. sha256 of every file, the encoder's own training and the whole recipe stand in
`manifest.json`.

## Licence

{license}

## Examples

{sheet}

## Figures

Not yet evaluated.
"""


def caption_card(name: str, training: Mapping[str, JsonValue], license: str) -> str:
    """The model card (Mitchell et al. 2019) of a captioner, in Markdown."""
    recipe: Any = training["recipe"]
    network: Any = training["network"]
    rows: Any = training["rows"]
    encoder: Any = training["encoder"]
    attends = network["attention_size"] > 0
    lines = [
        f"- {part}: {count['images']:,} images with {count['captions']:,} captions"
        for part, count in rows.items()
    ]
    return _CARD.format(
        name=name,
        encoder=encoder["description"],
        cell=recipe["cell"],
        hidden=recipe["hidden_size"],
        attention=" that attends over the cells of the encoder's map" if attends else "",
        words=network["vocabulary_size"] - 4,
        rows="\n".join(lines),
        split=training["split"],
        license=license,
        sheet="Not yet drawn.",
    )


def _words_used(captions: Sequence[str], most: int = 10) -> list[str]:
    """The words of captions, those of most captions first, then by the alphabet; no short ones."""
    counts = Counter(
        word for caption in captions for word in set(words_of(caption)) if len(word) >= _SHORTEST
    )
    return sorted(counts, key=lambda word: (-counts[word], word))[:most]


def contact_sheet(
    images: Sequence[Captioned], said: Sequence[str], *, number: int = 12, seed: int = 0
) -> str:
    """Some validation images, drawn with a seed and not chosen, in words: what was said of each,
    and the words that people used, by how many of them. In Markdown; neither the photographs nor
    people's sentences are published."""
    drawn = np.random.default_rng(seed).permutation(len(images))[:number]
    blocks = [
        "The photographs and the sentences of people are not published; of the latter only words, "
        "those that most of them used first. Drawn at random, with seed "
        f"{seed}, from the {len(images):,} validation images; none was put back:"
    ]
    for place in drawn.tolist():
        people = ", ".join(_words_used(images[place].captions))
        blocks.append(f"- `{images[place].image}`: **{said[place]}**. People's words: {people}.")
    return "\n".join([blocks[0], "", *blocks[1:]])
