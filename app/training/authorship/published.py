"""The recipes of the published authorship models, and which one suits a folder of texts."""

from dataclasses import replace
from pathlib import Path
from typing import Final

from app.training.authorship.data import FEDERALIST, REUTERS, read_corpus
from app.training.authorship.network import AuthorshipOptions
from app.training.authorship.recipe import AuthorshipRecipe

# A folder of one's own is learned as the Federalist Papers are: style, hardly topic.
STYLE: Final = AuthorshipRecipe(
    network=AuthorshipOptions(
        num_classes=2, buckets=4096, embedding_size=48, hidden_size=64, stride=10
    ),
    style_words=300,
    epochs=20.0,
    folds=5,
)
NEWS: Final = AuthorshipRecipe(
    network=AuthorshipOptions(
        num_classes=2,
        buckets=4096,
        embedding_size=48,
        hidden_size=64,
        stride=10,
        profile=2**16,
    ),
    chunk_length=10_000,
    epochs=6.0,
    profile_weight=100.0,
    folds=0,
    balance=0.0,
    precision=0.9,
)


def recipe_for(
    data: Path,
    *,
    style_words: int | None = None,
    folds: int | None = None,
    epochs: float | None = None,
    members: int | None = None,
    seed: int = 0,
) -> AuthorshipRecipe:
    """The recipe for what `data` holds, with what is not None replaced.

    Raises FileNotFoundError or ValueError as `read_corpus` does.
    """
    corpus = read_corpus(data)
    recipe = NEWS if (data / REUTERS).exists() else STYLE
    if (data / FEDERALIST).exists():
        recipe = replace(recipe, folds=14, members=1)
    network = replace(recipe.network, num_classes=len(corpus.authors))
    recipe = replace(recipe, network=network, seed=seed)
    if style_words is not None:
        recipe = replace(recipe, style_words=style_words)
    if folds is not None:
        recipe = replace(recipe, folds=folds)
    if epochs is not None:
        recipe = replace(recipe, epochs=epochs)
    return recipe if members is None else replace(recipe, members=members)
