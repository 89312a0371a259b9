"""What decides a captioner, but the data and the encoder. Knows numbers only."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from app.training.caption.decode import SearchOptions
from app.training.caption.encode import ViewOptions
from app.training.caption.fit import CaptionLoop
from app.training.caption.network import CaptionerOptions
from app.training.common.loop import LoopOptions

_KEPT: Final = ("cell", "embedding_size", "hidden_size", "least", "most")

_LOOP = CaptionLoop(
    LoopOptions(steps=1, learning_rate=2e-3, weight_decay=0.05, averaging=0.995, patience=3),
    bfloat16=True,
)


@dataclass(frozen=True)
class CaptionRecipe:
    """Everything that decides the decoder, but the data and the encoder."""

    cell: str = "lstm"  # recurrent cell; a key of CELLS in common/cells.py
    embedding_size: int = 256  # units of a word
    hidden_size: int = 512  # units of the decoder
    attention_size: int = 0  # units of the keys; 0 for a network that does not attend
    # share of the image's features that is dropped in training, 0 to 1
    feature_dropout: float = 0.3
    embedding_dropout: float = 0.3  # share of the units of words, 0 to 1
    output_dropout: float = 0.5  # share of the outputs before the logits, 0 to 1
    least: int = 5  # a word of the vocabulary occurs at least so often
    most: int = 4000  # words of the vocabulary, at most
    epochs: int = 8  # passes over the captions
    fit: CaptionLoop = _LOOP  # batches and loss; its number of steps is replaced by `epochs`
    views: ViewOptions = field(default_factory=ViewOptions)  # of the training images
    # beam search, in validation and when serving
    search: SearchOptions = field(default_factory=SearchOptions)
    # Whether it learns from the scores of what it says, and not word by word.
    critical: bool = False
    seed: int = 0  # of weights and batches

    def going_on(self, told: Mapping[str, Any], epochs: int | None) -> "CaptionRecipe":
        """For a network that has another one's weights: small steps, 2 epochs if none are told.

        told: the other one's recipe, as its manifest has it; its words and its sizes are kept.
        """
        if self.critical:
            loop = replace(
                self.fit.loop, learning_rate=2e-4, weight_decay=0.0, warmup=10, averaging=0.9
            )
        else:
            loop = replace(self.fit.loop, learning_rate=1e-3, warmup=30, averaging=0.99)
        return replace(
            self,
            **{name: told[name] for name in _KEPT},
            attention_size=self.attention_size or told["attention_size"],
            fit=replace(self.fit, loop=loop),
            epochs=epochs or 2,
        )

    def network(self, vocabulary_size: int, channels: int) -> CaptionerOptions:
        """The network's options for a vocabulary and an encoder."""
        return CaptionerOptions(
            vocabulary_size=vocabulary_size,
            channels=channels,
            cell=self.cell,
            embedding_size=self.embedding_size,
            hidden_size=self.hidden_size,
            attention_size=self.attention_size,
            feature_dropout=self.feature_dropout,
            embedding_dropout=self.embedding_dropout,
            output_dropout=self.output_dropout,
        )

    def loop(self, steps: int) -> CaptionLoop:
        """How it is trained if an epoch has so many steps; validated after every epoch."""
        loop = replace(
            self.fit.loop, steps=self.epochs * steps, validate_every=steps, seed=self.seed
        )
        return replace(self.fit, loop=loop)
