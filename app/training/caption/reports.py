"""What a set of captions is worth: every figure of the report in one row; knows words only."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import asdict, dataclass
from typing import Any

from pydantic import JsonValue
from rich.table import Table
from sacrebleu.metrics.bleu import BLEU

from app.training.caption.meteor import meteor
from app.training.caption.scores import CiderD, References, Words, rouge_l
from app.training.common.cards import markdown_table
from app.training.common.repetition import repeating_share


@dataclass(frozen=True)
class CaptionRow:
    """Corpus scores of one way to caption images, 0 to 1 but CIDEr-D (0 to 10).

    unique: different captions over all; copied: captions that stand word for word among those of
    training; repeated: captions that repeat a phrase; length: mean words of a caption.
    """

    method: str
    images: int
    references: int
    cider_d: float
    bleu_1: float
    bleu_2: float
    bleu_3: float
    bleu_4: float
    rouge_l: float
    meteor: float
    unique: float
    copied: float
    repeated: float
    length: float

    def to_json(self) -> dict[str, JsonValue]:
        return {
            name: round(value, 4) if isinstance(value, float) else value
            for name, value in asdict(self).items()
        }


def caption_row(
    method: str,
    captions: Sequence[Words],
    references: References,
    trained: AbstractSet[str],
    *,
    cider: CiderD | None = None,
) -> CaptionRow:
    """The row of `captions`, one per image; `trained` are the training captions, words joined.

    The document frequencies of CIDEr-D are those of `references`, unless `cider` brings its own.
    """
    told = [" ".join(words) for words in captions]
    bleu = bleu_scores(captions, references)
    return CaptionRow(
        method=method,
        images=len(captions),
        references=max(map(len, references)),
        cider_d=(cider or CiderD(references)).mean(captions),
        bleu_1=bleu[0],
        bleu_2=bleu[1],
        bleu_3=bleu[2],
        bleu_4=bleu[3],
        rouge_l=rouge_l(captions, references),
        meteor=meteor(captions, references),
        unique=len(set(told)) / len(told),
        copied=sum(one in trained for one in told) / len(told),
        repeated=repeating_share(captions),
        length=sum(map(len, captions)) / len(captions),
    )


def bleu_scores(captions: Sequence[Words], references: References) -> list[float]:
    """BLEU-1 to BLEU-4 of the corpus (Papineni et al. 2002), without smoothing, 0 to 1."""
    told = [" ".join(words) for words in captions]
    most = max(map(len, references))
    # None where an image has fewer references than others: sacrebleu knows it, its types do not
    streams: Any = [
        [" ".join(several[n]) if n < len(several) else None for several in references]
        for n in range(most)
    ]
    return [
        BLEU(tokenize="none", smooth_method="none", max_ngram_order=order, force=True)
        .corpus_score(told, streams)
        .score
        / 100
        for order in range(1, 5)
    ]


_HEADINGS = (
    "CIDEr-D",
    *(f"BLEU-{order}" for order in range(1, 5)),
    "ROUGE-L",
    "METEOR",
    "unique",
    "copied",
    "repeated",
)


_SHOWN = ("CIDEr-D", "BLEU-4", "ROUGE-L", "unique", "copied")


def caption_table(rows: Sequence[CaptionRow]) -> Table:
    """The rows for a terminal of 80 columns, without some of the scores."""
    title = f"{rows[0].images} images, {rows[0].references} references each; all scores: --json"
    table = Table(title=title)
    table.add_column("captions")
    for heading in _SHOWN:
        table.add_column(heading, justify="right", no_wrap=True)
    places = [_HEADINGS.index(heading) for heading in _SHOWN]
    for row in rows:
        cells = _cells(row)
        table.add_row(row.method, *(cells[place] for place in places))
    return table


def caption_markdown(rows: Sequence[CaptionRow]) -> str:
    """The rows as a table in Markdown, for model cards and docs."""
    return markdown_table(
        ("captions", *_HEADINGS, "words"), [(row.method, *_cells(row)) for row in rows]
    )


def _cells(row: CaptionRow) -> list[str]:
    scores = (row.cider_d, row.bleu_1, row.bleu_2, row.bleu_3, row.bleu_4, row.rouge_l, row.meteor)
    return [
        *(f"{score:.3f}" for score in scores),
        f"{100 * row.unique:.0f} %",
        f"{100 * row.copied:.0f} %",
        f"{100 * row.repeated:.1f} %",
        f"{row.length:.1f}",
    ]
