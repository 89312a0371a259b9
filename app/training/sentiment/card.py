"""Writes the model cards of text models; knows what a reader must be told, not the figures."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import JsonValue

from app.training.sentiment.data import OPEN


@dataclass(frozen=True)
class Terms:
    """What is told of a model by what it learned from."""

    license: str
    description: str
    intended_use: str
    given: str  # what it answers to
    warm_up: str  # which text the language was learned from
    kinds: str  # for texts of which kinds it is
    neutral: str  # where its third class comes from


RESEARCH: Final = Terms(
    license="""\
Weights: for research and other non-commercial use. The tweets are CC BY-NC-SA 4.0
("Twitter US Airline Sentiment", CrowdFlower); SST-2 (Socher et al. 2013) and the IMDB reviews
(Maas et al. 2011) were published for research without a licence, and reviews belong to their
authors. The texts are not part of the project. Train on data of your own for other uses.""",
    description="Sentiment of tweets, reviews and plain sentences in English.",
    intended_use="How a text in English sounds: negative, neutral or positive. Research use.",
    given="a tweet, a review or a sentence",
    warm_up="all training texts",
    kinds="""\
For texts of the kinds it learned from: tweets to a company, film reviews, sentences out of them,
and what people write every day: tickets, mail, news, specifications, chat.""",
    neutral="""\
- Neutral was learned from tweets, from made sentences and from sentences out of running text that
  hold no word that pleases or hurts: reviews, and the sentences of them, have no third class.""",
)
OPEN_TERMS: Final = Terms(
    license="""\
Weights: Apache-2.0, for any use. They were learned from sentences that this project made, from
sentences of tatoeba.org (CC BY 2.0, by its contributors; through manythings.org/anki), and from
the Federalist Papers, in the public domain; the labels of both are by a list of words of this
project. No set of tweets or reviews was learned from, nor any other model's answers.""",
    description="Sentiment of everyday sentences in English; its weights are for any use.",
    intended_use="How a sentence in English sounds: negative, neutral or positive.",
    given="a sentence, or some,",
    warm_up="the training texts but the plain ones",
    kinds="""\
For what people write every day: tickets, mail, news, specifications, chat, a sentence about a
thing or a place. It has read no tweet and no review: of those it gets more wrong than models that
have.""",
    neutral="""\
- Every label was learned from made sentences, and from sentences of textbooks by the words in
  them: judgement that is spread over a long text, or in words that nobody listed, is missed.""",
)


def terms_of(sources: Iterable[str]) -> Terms:
    """What is told of a model that learned from the sources of these names."""
    return OPEN_TERMS if set(sources) <= set(OPEN) else RESEARCH


_BESIDE = """\
Linear classifiers of token n-grams (1 to 3), one for each
kind of text but the made one, stand beside it in the same graph; how much each counts about each
kind was chosen on held-out texts."""

_SENTIMENT = """\
# {name}: how a text sounds

Give it {given} in English; it answers negative, neutral or positive with
calibrated probabilities, and on request what each token adds. One network for all of them: a
{directions} {cell} of {layers} x {hidden} over {vocabulary} subword tokens, the maximum over each
chunk and the mean over all steps, a linear head. It was warmed up by guessing the next and the last
token of {warm_up}, then trained on all sources at once.{begun}{beside}

## Use

{kinds}
Texts longer than one chunk of {chunk} tokens are read whole, chunk by chunk, up to {most} tokens;
past that the rest is left out and the answer says `truncated`.
It must not be the only ground of a decision about a person.

## Limits

{neutral}
- English. Of a text `understood` tells how much is in it, by its spelling; below the threshold in
  the manifest the model abstains and its probabilities are drawn to the base rates. A short
  sentence in another language that is spelled like English may pass.
- Irony, quotations and comparisons are read by their words. Denials are understood in their common
  forms, not in all. What pleases or hurts without a word that says so ("the handle came off") is
  often called neutral, and so is news of harm or luck.
- Words for groups of people may carry the bias of the texts they stood in; this was not measured.
- Each chunk is read from an empty state: what a sentence refers to across a chunk's edge is lost.

## Explanations

Class activation mapping (Zhou et al. 2016, eq. 2): the head is linear in the pooled steps, so that
a logit is exactly the sum of what each token adds and a bias. A token's state has heard its
neighbours: "not" may speak through the word it stands by.

## Data

{rows}

Split: {split}.{refit} sha256 of the data and the whole recipe stand in `manifest.json`.

## Licence

{license}

## Figures

Not yet evaluated.
"""


_REFIT = """
This version is a refit. The recipe, the steps of every phase and how much each part counts are
those of version {version}, which was chosen and measured on texts that it had not learned. This
version has learned those texts, too."""

_BEGUN = """
It went on from version {version}: everyday sentences and plain facts were learned, and what that
version knew was shown again."""


def sentiment_card(name: str, training: Mapping[str, JsonValue]) -> str:
    """The model card (Mitchell et al. 2019) of a sentiment model, in Markdown."""
    recipe: Any = training["recipe"]
    rows: Any = training["rows"]
    network: Any = training["network"]
    refit_of = training.get("refit_of")
    start: Any = training.get("start")
    terms = terms_of(recipe["shares"])
    lines = [
        f"- {part}: " + ", ".join(f"{count:,} {source}" for source, count in counts.items())
        for part, counts in rows.items()
    ]
    return _SENTIMENT.format(
        name=name,
        directions="bidirectional" if recipe["bidirectional"] else "forward",
        cell=recipe["cell"].upper(),
        layers=recipe["num_layers"],
        hidden=recipe["hidden_size"],
        vocabulary=f"{network['vocabulary_size']:,}",
        begun=_BEGUN.format(version=start["version"]) if start else "",
        beside=f" {_BESIDE}" if recipe["ngrams"] else "",
        chunk=network["chunk_length"],
        most=f"{training['max_tokens']:,}",
        rows="\n".join(lines),
        split=training["split"],
        refit=_REFIT.format(version=refit_of) if refit_of else "",
        given=terms.given,
        warm_up=terms.warm_up,
        kinds=terms.kinds,
        neutral=terms.neutral,
        license=terms.license,
    )
