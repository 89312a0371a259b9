"""What decides a captioner, but the data and the encoder. Knows numbers only."""

from dataclasses import dataclass, field, replace

from app.training.caption.decode import SearchOptions
from app.training.caption.encode import ViewOptions
from app.training.caption.fit import CaptionLoop
from app.training.caption.network import CaptionerOptions
from app.training.common.loop import LoopOptions

_LOOP = CaptionLoop(
    LoopOptions(steps=1, learning_rate=2e-3, weight_decay=0.05, averaging=0.995, patience=3),
    bfloat16=True,
)


@dataclass(frozen=True)
class CaptionRecipe:
    """Everything that decides the decoder; the steps in `fit` are counted in `epochs`.

    least, most: a word of the vocabulary occurs at least so often, and there are at most so many.
    attention_size: 0 for a network that does not attend.
    """

    cell: str = "lstm"
    embedding_size: int = 256
    hidden_size: int = 512
    attention_size: int = 0
    feature_dropout: float = 0.3
    embedding_dropout: float = 0.3
    output_dropout: float = 0.5
    least: int = 5
    most: int = 4000
    epochs: int = 8
    fit: CaptionLoop = _LOOP
    views: ViewOptions = field(default_factory=ViewOptions)
    search: SearchOptions = field(default_factory=SearchOptions)
    seed: int = 0

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
