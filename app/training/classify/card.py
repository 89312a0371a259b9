"""Writes the model cards of classifiers; knows what a reader must be told, not the figures."""

from collections.abc import Mapping
from typing import Any, Final

from pydantic import JsonValue

from app.tasks.sentiment import SentimentFeatures

LICENCE: Final = """\
The weights were learned from the texts of their maker alone, and nothing else: whoever may use
the texts commercially may use them so. Their maker states the terms."""

_STARTED: Final = """\
The weights went on from {name}/{version}, whose terms hold for them, too, beside those of the
texts that they learned: {license}"""
_SHOWN: Final = 30  # labels

_CARD: Final = """\
# {name}: which of {count} labels a text has

Labels: {labels}.

{answers} One network: a {directions} {cell} of {layers} x {hidden} over {vocabulary} subword
tokens, maximum and mean over all steps, a linear head; it was warmed up by guessing the next and
the last token of the training texts. A linear classifier of token n-grams (1 to 3) stands beside
it in the same graph; how much each counts was chosen on held-out texts, which calibrated the sum,
too.

## Use

For texts of the kind that it has learned: it knows no others. Up to {most} tokens are read, past
that the answer says `truncated`. It must not be the only ground of a decision about a person.

## Explanations

Class activation mapping (Zhou et al. 2016, eq. 2): the head is linear in the pooled steps, so that
a logit is exactly the sum of what each token adds and a bias.

## Data

{rows}

Split: {split}. sha256 of the data and the whole recipe stand in `manifest.json`. Its maker's texts
are not in the files of this version, but subwords of them are: the tokeniser is made of them.

## Licence

{licence}

## Figures

Not yet evaluated.
"""


def licence_of(training: Mapping[str, JsonValue]) -> str:
    """Who may use the weights: those of a version that they began with have terms of their own."""
    start: Any = training.get("start")
    return LICENCE if start is None else _STARTED.format(**start)


def classifier_card(
    name: str, features: SentimentFeatures, training: Mapping[str, JsonValue]
) -> str:
    """The model card (Mitchell et al. 2019) of a classifier, in Markdown."""
    recipe: Any = training["recipe"]
    network: Any = training["network"]
    rows: Any = training["rows"]
    labels = features.labels
    if features.threshold is None:
        answers = "Each text gets one label, with calibrated probabilities of all of them."
    else:
        answers = (
            "A text gets every label whose probability, judged by itself, is at least "
            f"{features.threshold:g}: several, or none."
        )
    more = f" and {len(labels) - _SHOWN} more" if len(labels) > _SHOWN else ""
    return _CARD.format(
        name=name,
        count=len(labels),
        labels=", ".join(labels[:_SHOWN]) + more,
        answers=answers,
        directions="bidirectional" if recipe["bidirectional"] else "forward",
        cell=recipe["cell"].upper(),
        layers=recipe["num_layers"],
        hidden=recipe["hidden_size"],
        vocabulary=f"{network['vocabulary_size']:,}",
        most=f"{features.max_tokens:,}",
        rows="\n".join(f"- {part}: {count:,} texts" for part, count in rows.items()),
        split=training["split"],
        licence=licence_of(training),
    )
