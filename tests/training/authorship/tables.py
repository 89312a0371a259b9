"""Texts by two made-up authors with habits of their own, and a recipe small enough for a test."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from app.training.authorship.network import AuthorshipOptions
from app.training.authorship.recipe import AuthorshipRecipe

RECIPE = AuthorshipRecipe(
    network=AuthorshipOptions(
        num_classes=2, buckets=64, embedding_size=8, stride=8, hidden_size=8, dropout=0.0
    ),
    style_words=20,
    chunk_length=400,
    crop_length=200,
    epochs=20.0,
    batch_size=16,
    folds=2,
    learning_rate=1e-2,
)
WHOLE = replace(
    RECIPE, style_words=0, folds=0, share=0.34, network=replace(RECIPE.network, profile=512)
)
_HABITS = {
    "Anna": ("upon", "whilst", "there", "is", "the"),
    "Bert": ("on", "while", "by", "which", "a"),
}


def write_folders(folder: Path, texts: int = 6) -> Path:
    """`folder`/Anna, /Bert and /Unknown, the last one with a text of each."""
    rng = np.random.default_rng(0)

    def text(author: str) -> str:
        words = [*_HABITS[author], "people", "union", "state", "power", "law"]
        return ", ".join(" ".join(rng.choice(words, size=8)) for _ in range(20)) + "."

    for author in _HABITS:
        (folder / author).mkdir(parents=True)
        for i in range(texts):
            body = f"TITLE\n\n{author.upper()}\n\n{text(author)}"
            (folder / author / f"{i}.txt").write_text(body, encoding="utf-8")
    (folder / "Unknown").mkdir()
    for i, author in enumerate(_HABITS):
        (folder / "Unknown" / f"{i}.txt").write_text(text(author), encoding="utf-8")
    return folder
