"""What decides an authorship model but the texts, and which recipe suits a folder."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from app.training.authorship.data import FEDERALIST, REUTERS, read_corpus
from app.training.authorship.network import AuthorshipOptions
from app.training.common.loop import LoopOptions


@dataclass(frozen=True)
class AuthorshipRecipe:
    """Everything that decides a training."""

    network: AuthorshipOptions  # sizes of the network
    # so many of the most frequent words are left in the texts, all others are masked; 0 masks none
    style_words: int = 0
    chunk_length: int = 2000  # characters that are read in one piece when serving
    crop_length: int = 1000  # characters of a piece in training, at most
    min_characters: int = 40  # shorter texts are refused and not learned
    max_characters: int = 200_000  # of a longer text only so many characters are read
    members: int = 1  # networks whose answers are averaged
    epochs: float = 10.0  # how often a member sees an average character
    batch_size: int = 64  # pieces in a step
    learning_rate: float = 4e-3  # at its top
    weight_decay: float = 0.01  # of AdamW
    label_smoothing: float = 0.05  # share of each label that is spread over all authors, 0 to 1
    balance: float = 1.0  # 1 draws every author equally often, 0 every character
    # what a margin of 1 of the n-gram profile counts in the logits, if there is a profile
    profile_weight: float = 100.0
    folds: int = 5  # of the cross-validation; 0 holds out the latest texts of every author instead
    share: float = 0.3  # of an author's texts that is held out if there are no folds
    # share of the answers to held-out texts, whole and cut, that must be right where the version
    # does not abstain; 0 to 1
    precision: float = 0.95
    seed: int = 0  # of folds, batches and weights

    def loop(self, characters: int, member: int) -> LoopOptions:
        steps = max(20, round(self.epochs * characters / (self.crop_length * self.batch_size)))
        return LoopOptions(
            steps=steps,
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
            warmup=min(100, steps // 5),
            averaging=0.99,
            validate_every=steps,
            seed=self.seed * 1_000 + member,
        )


# Also for a folder of one's own: learned as the Federalist Papers are, by style, hardly by topic.
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
    encoding: str | None = None,
    style_words: int | None = None,
    folds: int | None = None,
    epochs: float | None = None,
    members: int | None = None,
    seed: int = 0,
) -> AuthorshipRecipe:
    """The recipe for what `data` holds, with what is not None replaced.

    Raises:
        FileNotFoundError, ValueError: as `read_corpus`.
    """
    corpus = read_corpus(data, encoding)
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
