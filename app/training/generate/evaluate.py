"""Scores a published language model next to counted n-grams; knows the served path only.

The validation part chose the training step, so that figures on it flatter a little; no weight was
learned from it.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from pydantic import JsonValue

from app.serving.models.manifest import read_manifest
from app.training.common.cards import with_figures, with_section
from app.training.common.comparison import Score
from app.training.common.publish import CARD, amend
from app.training.generate.baselines import frequencies, ngrams
from app.training.generate.data import TextData
from app.training.generate.reports import GenerateRow, generate_markdown
from app.training.generate.served import ServedLanguageModel

Tell = Callable[[str], None]
PIECE: Final = 2000
"""Characters of the validation text that are scored as one prompt."""
_ORDERS: Final = (3, 6)
_TEMPERATURES: Final = (0.5, 0.8, 1.0)
_SAMPLE: Final = 300


def evaluate_generate(
    model: ServedLanguageModel, data: TextData, progress: Tell | None = None
) -> list[GenerateRow]:
    """Nats a character of the validation part, in prompts of `PIECE` characters: the model as a
    whole, on each file, on training text, and counted n-grams.

    Each prompt begins without what stands before it. Characters that the model does not know are
    left out, of the text of all rows.

    Raises:
        ModelNotFound, InvalidInput: as the service.
    """
    tell = progress or (lambda _: None)
    name = f"{model.model}/{model.version}"
    known = set(data.train)

    def text_of(text: str) -> str:
        return "".join(each for each in text if each in known)

    def row(method: str, text: str) -> GenerateRow:
        tell(f"{method}: {len(text):,} characters")
        pieces = [text[start : start + PIECE] for start in range(0, len(text), PIECE)]
        scores = model.scores(pieces)
        nats = -sum(map(sum, scores)) / len(text)
        return GenerateRow(method, len(text), nats)

    val = text_of(data.val)
    rows = [row(name, val)]
    if len(data.parts) > 1:
        rows += [row(f"{name}, {part.file}", text_of(part.val)) for part in data.parts]
    rows.append(row(f"{name}, learned text", text_of(data.train[-len(data.val) :])))
    for order in _ORDERS:
        tell(f"n-grams of {order} characters")
        rows.append(GenerateRow(f"{order}-grams", len(val), ngrams(data.train, val, order)))
    rows.append(GenerateRow("frequencies", len(val), frequencies(data.train, val)))
    return rows


def drawn_samples(model: ServedLanguageModel, prompt: str) -> str:
    """Texts at several temperatures, with the seed 0 and not chosen; in Markdown."""
    blocks = []
    for temperature in _TEMPERATURES:
        text = model.samples(prompt, _SAMPLE, seed=0, temperature=temperature)
        quoted = "\n".join(f"    {line}" for line in (prompt + text).splitlines())
        blocks.append(f"Temperature {temperature:g}:\n\n{quoted}")
    return "Seed 0, not chosen, after the same beginning.\n\n" + "\n\n".join(blocks)


def record_generate_figures(folder: Path, rows: Sequence[GenerateRow], samples: str) -> None:
    """Write an evaluation of the version in `folder`, and samples, into its manifest and card.

    Raises:
        ModelRefused: its manifest cannot be read.
        ValueError: its card has no section of figures or of samples.
    """
    manifest = read_manifest(folder)
    table = generate_markdown(rows)
    text = (
        f"The last tenth of each file, in prompts of {PIECE:,} characters that begin without a "
        "context, through the service's own path. It chose the training step: the figures flatter "
        "a little. Bits are nats / ln 2. n-grams are counted on the training part, with "
        f"Witten-Bell smoothing.\n\n{table}"
    )
    card = with_figures((folder / CARD).read_text(encoding="utf-8"), text)
    card = with_section(card, "Samples", samples)
    figures: dict[str, JsonValue] = {"rows": [row.to_json() for row in rows], "table": table}
    amend(folder, evaluation=manifest.evaluation | figures, card=card)


def generate_score(model: ServedLanguageModel, data: TextData) -> Score:
    """Nats a character of a model on the validation text.

    Raises:
        ModelNotFound, InvalidInput: as `evaluate_generate`.
    """
    return Score("nats a character", evaluate_generate(model, data)[0].nats)
