"""Scores a published translator next to what needs none; knows the served path only.

The validation part chose the training step, so that figures on it flatter a little; no weight was
learned from it. `read_part` reads another part.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final

from pydantic import JsonValue

from app.serving.models.manifest import read_manifest
from app.training.common.cards import with_figures, with_section
from app.training.common.comparison import Score
from app.training.common.publish import CARD, amend
from app.training.translate.card import alignment
from app.training.translate.data import Corpus
from app.training.translate.reports import TranslateRow, translate_markdown, translate_row
from app.training.translate.scores import signatures
from app.training.translate.served import ServedTranslator

Tell = Callable[[str], None]

_LENGTHS: Final = (8, 12, 16)  # words of a source sentence, bounds of the rows by length
_ALIGNED: Final = 5


def evaluate_translate(
    model: ServedTranslator,
    corpora: Sequence[Corpus],
    *,
    beside: ServedTranslator | None = None,
    progress: Tell | None = None,
) -> list[TranslateRow]:
    """The rows of a report on the `val` pairs of each corpus that the model translates.

    The model; `beside`, another one, such as one that does not attend; the model with phrases that
    may come again or may not, whichever is not its default; its translations given to other
    sentences ("shuffled"); the source itself ("copied"); both models by length of the source.

    Raises:
        InvalidInput: the service does not take one of the sentences.
        ValueError: the model translates none of the corpora.
    """
    tell = progress or (lambda _: None)
    name = f"{model.model}/{model.version}"
    features = model.features
    rows: list[TranslateRow] = []
    for corpus in corpora:
        if corpus.source != features.source or corpus.target not in features.targets:
            continue
        pair = f"{corpus.name} {corpus.source}-{corpus.target}"
        texts, references = ([each[side] for each in corpus.val] for side in (0, 1))
        tell(f"{name}, {pair}: {len(texts):,} sentences")
        ours = model.translations(texts, corpus.target)
        rows.append(translate_row(name, pair, ours, references))
        by_length = _by_length(name, pair, texts, ours, references)
        if beside is not None:
            other = beside.translations(texts, corpus.target)
            beside_name = f"{beside.model}/{beside.version}"
            rows.append(translate_row(beside_name, pair, other, references))
            by_length += _by_length(beside_name, pair, texts, other, references)
        ngram = 0 if features.no_repeat_ngram else 3
        free = model.translations(texts, corpus.target, no_repeat_ngram=ngram)
        method = f"{name}, no_repeat_ngram {ngram}"
        rows.append(translate_row(method, pair, free, references))
        rows.append(translate_row("shuffled", pair, [*ours[1:], ours[0]], references))
        rows.append(translate_row("copied", pair, texts, references))
        rows += by_length
    if not rows:
        known = ", ".join(f"{features.source}-{target}" for target in features.targets)
        raise ValueError(f"{name} translates {known}: there is no such pair in the data")
    return rows


def translate_score(model: ServedTranslator, corpora: Sequence[Corpus]) -> Score:
    """BLEU of a model on the `val` pairs, the mean over the languages.

    Raises:
        InvalidInput: as `evaluate_translate`.
    """
    rows = evaluate_translate(model, corpora)
    bleu = [row.bleu for row in rows if row.method == f"{model.model}/{model.version}"]
    return Score("BLEU", sum(bleu) / len(bleu), higher_is_better=True)


def drawn_alignments(model: ServedTranslator, corpora: Sequence[Corpus]) -> str:
    """Where the decoder looked in five validation sentences, as blocks of text in Markdown.

    The first ones of each corpus in turn; none is chosen.
    """
    known = [each for each in corpora if each.target in model.features.targets]
    blocks = [
        "The first validation sentences, not chosen. A line a source token, a column a word: `.` "
        "from an eighth of the weight, `:` from a quarter, `*` from a half, `#` from three "
        "quarters."
    ]
    for number in range(_ALIGNED):
        corpus = known[number % len(known)]
        text = corpus.val[min(number // len(known), len(corpus.val) - 1)][0]
        [found] = model.predictions([text], corpus.target, attention=True)
        assert found.attention is not None
        words = [(word, list(map(float, row))) for word, row in found.attention[0].words]
        heading = f"{text} ({corpus.target}) {found.candidates[0].text}"
        blocks.append(f"{heading}\n\n{alignment(found.attention[0].source, words)}")
    return "\n\n".join(blocks)


def record_translate_figures(
    folder: Path, rows: Sequence[TranslateRow], part: str, alignments: str
) -> None:
    """Write an evaluation of the version in `folder`, and alignments, into its manifest and card.

    Raises:
        ModelRefused: its manifest cannot be read.
        ValueError: its card has no section of figures or of alignments.
    """
    manifest = read_manifest(folder)
    table = translate_markdown(rows)
    of_bleu, of_chrf = signatures()
    text = (
        f"The pairs of `{part}`, through the service's own path with the default search. Cased, "
        f"detokenised. BLEU: `{of_bleu}`. chrF: `{of_chrf}`. Where `{part}` is `val` it chose the "
        'training step, and flatters a little. "shuffled" gives each translation to another '
        'sentence, "copied" answers the source; rows by length count words of the source.\n\n'
        f"{table}"
    )
    card = with_figures((folder / CARD).read_text(encoding="utf-8"), text)
    card = with_section(card, "Alignments", alignments)
    figures: dict[str, JsonValue] = {
        "part": part,
        "signatures": [of_bleu, of_chrf],
        "rows": [row.to_json() for row in rows],
        "table": table,
    }
    amend(folder, evaluation=manifest.evaluation | figures, card=card)


def _by_length(
    name: str, pair: str, texts: Sequence[str], ours: Sequence[str], references: Sequence[str]
) -> list[TranslateRow]:
    bounds = [0, *_LENGTHS, 10**9]
    rows = []
    for low, high in pairwise(bounds):
        places = [i for i, text in enumerate(texts) if low < len(text.split()) <= high]
        if not places:
            continue
        size = f"up to {high}" if high < bounds[-1] else f"over {low}"
        chosen = [[side[place] for place in places] for side in (ours, references)]
        rows.append(translate_row(f"{name}, {size} words", pair, *chosen))
    return rows
