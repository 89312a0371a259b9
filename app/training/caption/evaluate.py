"""Scores a published captioner next to what needs no decoder; knows the served path only.

The validation images chose the epoch, so that figures on them flatter a little; no weight was
learned from them. Baselines are scored by the same code against the same references.
"""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from pydantic import JsonValue

from app.serving.models.manifest import read_manifest
from app.tasks.caption.features import CaptionFeatures
from app.tasks.caption.task import ENCODER
from app.training.caption.baselines import (
    best_constant,
    human_row,
    most_frequent,
    nearest,
    references_of,
    shuffled,
)
from app.training.caption.card import contact_sheet
from app.training.caption.data import CaptionData
from app.training.caption.decode import SearchOptions
from app.training.caption.encode import encode_images, version_encoder
from app.training.caption.features import read_features
from app.training.caption.fit import Validation
from app.training.caption.network import Captioner
from app.training.caption.recipe import CaptionRecipe
from app.training.caption.reports import CaptionRow, caption_markdown, caption_row
from app.training.caption.scores import CiderD, Words
from app.training.caption.served import ServedCaptions
from app.training.caption.train import Material, train_decoder
from app.training.caption.words import build_vocabulary, words_of
from app.training.common.cards import with_figures, with_section
from app.training.common.comparison import Score
from app.training.common.publish import CARD, amend

Baselines = Literal["none", "simple", "all"]
Tell = Callable[[str], None]


def evaluate_captions(
    model: ServedCaptions,
    data: CaptionData,
    *,
    baselines: Baselines = "simple",
    cache: Path | None = None,
    teacher: Path | None = None,
    progress: Tell | None = None,
) -> tuple[list[CaptionRow], list[str]]:
    """The rows of a report on the validation images, the model's first, and what it said of each.

    "simple" are the captions that see no image, the model's own told of other images, and people's;
    "all" adds the model with phrases that may come again or may not, whichever is not its default,
    and the nearest training image as the model's encoder sees it, some minutes. `cache` keeps its
    features. `teacher` holds the folders `train` and `val` of features (see
    `read_features`) that a decoder as large as the model's is trained on: the row "teacher's
    features", which takes as long as training does.

    Raises:
        InvalidInput: the service does not take one of the images.
        ValueError: `teacher` lacks an image.
    """
    tell = progress or (lambda _: None)
    name = f"{model.model}/{model.version}"
    total = len(data.val)
    contents = (content for _, content in data.images("val"))
    said = model.captions(contents, lambda done: tell(f"{name}: {done} of {total} images"))
    references = references_of(data.val)
    trained = {" ".join(words) for several in references_of(data.train) for words in several}
    cider = CiderD(references)

    def row(method: str, captions: Sequence[Words]) -> CaptionRow:
        return caption_row(method, captions, references, trained, cider=cider)

    ours = [words_of(caption) for caption in said]
    rows = [row(name, ours)]
    if baselines != "none":
        tell("captions that see no image")
        rows.append(row("its captions, of other images", shuffled(ours)))
        rows.append(row("most frequent caption", [most_frequent(data.train)] * total))
        rows.append(row("best constant caption", [best_constant(data.train)] * total))
    if baselines == "all":
        features = CaptionFeatures.model_validate(model.manifest.features)
        other = 0 if features.no_repeat_ngram else SearchOptions().no_repeat_ngram
        tell(f"no_repeat_ngram {other}")
        images = (content for _, content in data.images("val"))
        again = model.captions(images, no_repeat_ngram=other)
        rows.append(row(f"{name}, no_repeat_ngram {other}", [words_of(each) for each in again]))
        tell("the nearest training images")
        rows.append(row("nearest training image", _nearest(model, data, cache)))
    if teacher is not None:
        rows.append(row("teacher's features", _of_teacher(model, data, teacher, cache, tell)))
    if baselines != "none" and min(map(len, references)) > 1:
        rows.append(human_row(data.val, trained))
    return rows, said


def record_caption_figures(
    folder: Path, rows: Sequence[CaptionRow], data: CaptionData, said: Sequence[str]
) -> None:
    """Write an evaluation of the version in `folder` into its manifest and its model card, and some
    of what was said into the card.

    Raises:
        ModelRefused: its manifest cannot be read.
        ValueError: its card has no section of figures or of examples.
    """
    manifest = read_manifest(folder)
    table = caption_markdown(rows)
    images, references = rows[0].images, rows[0].references
    text = (
        f"{images:,} validation images, up to {references} references each, asked through the "
        "service's own path with the default search. Validation chose the epoch and the settings "
        "of the search: the figures flatter a little. A CIDEr-D of 1.000 is what papers print as "
        f"100.\n\n{table}"
    )
    card = with_figures((folder / CARD).read_text(encoding="utf-8"), text)
    card = with_section(card, "Examples", contact_sheet(data.val, said))
    figures: dict[str, JsonValue] = {"rows": [row.to_json() for row in rows], "table": table}
    amend(folder, evaluation=manifest.evaluation | figures, card=card)


def _nearest(model: ServedCaptions, data: CaptionData, cache: Path | None) -> list[list[str]]:
    features = CaptionFeatures.model_validate(model.manifest.features)
    encoder = version_encoder(
        (model.folder / ENCODER).read_bytes(), features.image.options(), features.encoder_output
    )
    with _folder(cache) as folder:
        train, val = (
            encode_images(
                encoder, data.images(part), folder / f"nearest-{part}", views=None, cells=False
            )
            for part in ("train", "val")
        )
    return nearest(data.train, train, val.plain(0, len(data.val)).pooled)


def _of_teacher(
    model: ServedCaptions, data: CaptionData, teacher: Path, cache: Path | None, tell: Tell
) -> list[list[str]]:
    """What a decoder of the model's size and training says of another encoder's features."""
    told: Any = model.manifest.training["recipe"]
    recipe = replace(
        CaptionRecipe(),
        **{name: told[name] for name in ("cell", "hidden_size", "embedding_size", "least", "most")},
        epochs=told["epochs"],
    )
    vocabulary = build_vocabulary(
        (words for several in references_of(data.train) for words in several),
        least=recipe.least,
        most=recipe.most,
    )
    train, val = read_features(teacher / "train"), read_features(teacher / "val")
    material = Material(data, vocabulary, train, val)
    with _folder(cache) as folder:
        fit = train_decoder(
            material,
            recipe,
            0,
            folder / "teacher-decoder.pt",
            lambda now: tell(f"a decoder of the teacher's features: step {now.step}"),
        )
    assert isinstance(fit.network, Captioner)
    return Validation(data.val, val, vocabulary, recipe.search).captions(fit.network)


@contextmanager
def _folder(cache: Path | None) -> Iterator[Path]:
    if cache is not None:
        cache.mkdir(parents=True, exist_ok=True)
        yield cache
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def caption_score(model: ServedCaptions, data: CaptionData) -> Score:
    """CIDEr-D of a model on the validation images."""
    rows, _ = evaluate_captions(model, data, baselines="none")
    return Score("CIDEr-D", rows[0].cider_d, higher_is_better=True)
