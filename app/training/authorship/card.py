"""Writes the model cards of authorship models; knows what a reader must be told, no figures."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic import JsonValue

from app.tasks.authorship import AuthorshipFeatures
from app.training.authorship.data import Corpus
from app.training.common.cards import CALIBRATION_ERROR, markdown_table

_CARD: Final = """\
# {name}: who wrote this text

{description}
Give it a text; it answers how likely each of {count} authors is, and abstains where the likeliest
is less than {threshold:.0%} likely. The list is closed: a text by anybody else gets one of these
names too, and calibrated probabilities say nothing about such a text.

## What the network reads

{reading}

{network}

Texts are cut into the fewest chunks of at most {chunk} characters, all alike long; logits are
averaged over chunks. Probabilities grow sharper with the amount of text (scale {scale:.3g}, growth
{growth:.2f}; `Calibration` in `app/tasks/authorship.py`), fitted on held-out texts, whole and cut.
Fewer than {least} characters are refused; of more than {most} the head is read, and `truncated`
says so.

## Data

{data}

Split: {split}.

## Licence

{licence}

## Use and limits

For research and teaching. It must not be the ground of an accusation: style can be imitated, edited
and translated, and topic, genre and year differ between the training texts of two authors as much
as style does. Texts in another language, or in none, are abstained from: `understood` is the share
of a text whose words are spelled like those of the candidates, and the threshold stands in the
manifest. Texts of other centuries and genres are answered, but mean nothing.

## Figures

Through the task and the ONNX graph, without HTTP. Held-out texts were read by networks that had not
learned them; what is published has learned them since{back}.

{ece}

{held_out}

Answers by the threshold, to held-out texts whole and to their first 1,000 characters. The threshold
of this version is the lowest at which {precision:.0%} of the answers were right, taking whole texts
and heads of 100 to 4,000 characters together.

{coverage}

{tried}

{figures}"""

_FEDERALIST_DATA: Final = """\
The Federalist Papers (Project Gutenberg ebook 18), labelled as usual since Mosteller and Wallace
(1964): 51 papers by Hamilton, 14 by Madison, 5 by Jay. Salutation, signature and footnotes behind
it, and the authors' names are taken out. The three joint papers and the twelve disputed ones are
not learned, nor are nos. 17, 30, 38, 43 and 60, which the course "Deep Learning for Natural
Language Processing" keeps back; these five chose nothing and calibrated nothing either."""
_REUTERS_DATA: Final = """\
Reuters C50 (`Reuter_50_50` of the UCI repository), training part: 50 news stories by each of 50
authors. The authors' last names are masked. The official test part was not used for anything."""
_LICENCES: Final = {
    "federalist": "Weights: Apache-2.0. The texts are in the public domain.",
    "reuters": "Weights: for research only. The stories are copyright Reuters, a part of RCV1,\n"
    "for research use; the UCI repository lists the set as CC BY 4.0.",
    "folders": "Trained on texts of its maker, who states the terms.",
}
_TRIED: Final = "What else was tried, and on which texts, stands in the project's docs/models.md."
_DESCRIPTIONS: Final = {
    "federalist": "Tells Hamilton, Madison and Jay apart by their function words.",
    "reuters": "Tells 50 Reuters journalists of 1996 and 1997 apart.",
    "folders": "Tells the authors of its maker's texts apart.",
}


def description(corpus: Corpus) -> str:
    return _DESCRIPTIONS[corpus.kind]


def licence_of(corpus: Corpus) -> str:
    return _LICENCES[corpus.kind]


def authorship_card(
    name: str,
    features: AuthorshipFeatures,
    training: Mapping[str, JsonValue],
    evaluation: Mapping[str, JsonValue],
) -> str:
    """The model card (Mitchell et al. 2019) of an authorship model, in Markdown."""
    recipe: Any = training["recipe"]
    network = recipe["network"]
    kind = str(training["corpus"])
    own = f"{training['texts']} texts in folders of one author each."
    held_out: Any = evaluation["held_out"]
    whole: Any = evaluation["coverage"]
    heads: Any = evaluation["coverage_of_heads"]
    coverage = [[*left, *right[1:]] for left, right in zip(whole, heads, strict=True)]
    scored: Any = evaluation.get("rows", [])
    figures = ""
    if scored:
        figures = (
            "Texts that the published model never learned "
            "(`unroll evaluate authorship --record`), baselines trained on what it learned:\n\n"
            f"{rows_markdown(scored)}\n"
        )
    return _CARD.format(
        name=name,
        description=_DESCRIPTIONS[kind],
        count=len(features.authors),
        threshold=features.threshold,
        reading=_reading(features),
        network=_network(network, recipe, len(training["members"])),  # type: ignore[arg-type]
        chunk=features.chunk_length,
        scale=features.calibration.scale,
        growth=features.calibration.growth,
        least=features.min_characters,
        most=f"{features.max_characters:,}",
        data={"federalist": _FEDERALIST_DATA, "reuters": _REUTERS_DATA}.get(kind, own),
        split=training["split"],
        licence=_LICENCES[kind],
        back=", but for the five" if kind == "federalist" else "",
        precision=recipe["precision"],
        ece=CALIBRATION_ERROR,
        held_out=rows_markdown(held_out),
        coverage=markdown_table(
            ["threshold", "answered", "of these right", "heads answered", "of these right"],
            coverage,
        ),
        tried="" if kind == "folders" else _TRIED,
        figures=figures,
    )


def rows_markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    """The table of figures; the authors one by one where they are few."""
    authors: list[str] = []
    for row in rows:
        authors += [one for one in row["by_author"] if one not in authors]
    shown = authors if len(authors) <= 5 else []
    header = ["method", "texts", "right", "accuracy", "macro recall", *shown, "log loss", "ECE"]
    lines = []
    for row in rows:
        pairs = [row["by_author"].get(author) for author in shown]
        lines.append(
            [
                row["method"],
                row["texts"],
                f"{row['right']} of {row['count']}",
                f"{row['accuracy']:.3f}",
                f"{row['macro_recall']:.3f}",
                *("-" if pair is None else f"{pair[0]} of {pair[1]}" for pair in pairs),
                *(
                    "-" if row[key] is None else f"{row[key]:.3f}"
                    for key in ("log_loss", "calibration_error")
                ),
            ]
        )
    return markdown_table(header, lines)


def _reading(features: AuthorshipFeatures) -> str:
    names = "Names of the authors are masked. "
    if features.kept_words is None:
        return f"{names}Nothing else is: topic speaks as well as style."
    return (
        f"Text distortion (Stamatatos 2017, DV-MA): the {len(features.kept_words)} most frequent "
        "words of the training texts\nare left, letters of all others become `*` and digits `#`. "
        f"{names}So the network reads style and\npunctuation, hardly topic."
    )


def _network(network: Mapping[str, Any], recipe: Mapping[str, Any], members: int) -> str:
    text = (
        f"{members} network{'s' if members > 1 else ''}: hashed n-grams of 1 to "
        f"{network['ngrams']} characters ({network['buckets']} buckets each, "
        f"{network['embedding_size']} units), summed over\n{network['stride']} characters, then a "
        f"bidirectional {network['cell'].upper()} of {network['num_layers']} x "
        f"{network['hidden_size']}, its mean and greatest values, a linear head."
    )
    if network["profile"]:
        text += (
            f"\nBeside it stands an n-gram profile: hashed counts of the chunk "
            f"({network['profile']} rows), TF-IDF, with the\nweights of a linear support vector "
            f"machine for each author, times {recipe['profile_weight']:.0f}. It sees no order "
            "beyond its n-grams.\nThe figures say what each part is worth alone."
        )
    return text
