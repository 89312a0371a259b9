"""What decides the sentiment network, but the data: sizes, phases, shares. Knows no files."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from tokenizers import Tokenizer

from app.training.common.loop import LoopOptions
from app.training.sentiment.labels import LABELS
from app.training.sentiment.network import ClassifierOptions
from app.training.sentiment.ngram_rows import NgramOptions

_NGRAMS: Final = NgramOptions()
_WARM_UP: Final = LoopOptions(
    steps=2000, learning_rate=3e-3, weight_decay=0.0, averaging=0.99, validate_every=200, warmup=100
)


@dataclass(frozen=True)
class Share:
    """What one source adds to every step: `rows` texts, whose loss counts `weight` times.

    `copies`: how often its texts are shown to the tokeniser, so that no source drowns another; with
    0 they teach neither it nor the language model, only what to answer.
    `by_length`: draw long texts more often than short ones, by the square root of their length.
    `ngrams`: a classifier of n-grams is fitted to them; without, those of the other sources learn
    to be silent about texts of this kind, and the network speaks alone.
    """

    rows: int
    weight: float = 1.0
    copies: int = 1
    by_length: bool = False
    ngrams: bool = True


@dataclass(frozen=True)
class Phase:
    """A stretch of training from the best weights of the one before it.

    max_tokens: of a longer text a random piece of so many is shown.
    """

    loop: LoopOptions
    token_dropout: float
    embedding_dropout: float
    recurrent_dropout: float
    label_smoothing: float
    max_tokens: int


_PHASES: Final = (
    Phase(
        LoopOptions(
            steps=1800,
            learning_rate=1.5e-3,
            weight_decay=0.05,
            averaging=0.998,
            validate_every=200,
            patience=8,
        ),
        token_dropout=0.1,
        embedding_dropout=0.3,
        recurrent_dropout=0.1,
        label_smoothing=0.05,
        max_tokens=640,
    ),
)


@dataclass(frozen=True)
class SentimentRecipe:
    """Everything that decides the network, but the data.

    warm_ups: rounds of language modelling, each from the weights of the one before it with the
    learning rate back at its top (Loshchilov and Hutter 2017, section 3).
    """

    vocabulary_size: int = 20_000
    cell: str = "lstm"
    embedding_size: int = 192
    hidden_size: int = 256
    num_layers: int = 1
    bidirectional: bool = True
    head_dropout: float = 0.5
    shares: Mapping[str, Share] = field(
        default_factory=lambda: {
            "airline": Share(24, weight=0.7, copies=10),
            "sst2": Share(96, copies=4, by_length=True),
            "imdb": Share(24),
            "plain": Share(64, copies=0, ngrams=False),
        }
    )
    ngrams: NgramOptions | None = _NGRAMS
    warm_up: LoopOptions = _WARM_UP
    warm_ups: int = 4
    warm_up_rows: int = 64
    negatives: int = 384
    phases: tuple[Phase, ...] = _PHASES
    seed: int = 0

    def network(self, tokenizer: Tokenizer, phase: Phase) -> ClassifierOptions:
        """The network's options while it goes through `phase`."""
        return ClassifierOptions(
            vocabulary_size=tokenizer.get_vocab_size(),
            classes=len(LABELS),
            cell=self.cell,
            embedding_size=self.embedding_size,
            hidden_size=self.hidden_size,
            num_layers=self.num_layers,
            bidirectional=self.bidirectional,
            token_dropout=phase.token_dropout,
            embedding_dropout=phase.embedding_dropout,
            recurrent_dropout=phase.recurrent_dropout,
            head_dropout=self.head_dropout,
        )


def shortened(recipe: SentimentRecipe, steps: int) -> SentimentRecipe:
    """The same recipe with at most so many batches of every phase, the warm-up included."""

    def cut(loop: LoopOptions) -> LoopOptions:
        every = max(1, min(loop.validate_every, steps // 2))
        return replace(loop, steps=min(loop.steps, steps), validate_every=every)

    phases = tuple(replace(phase, loop=cut(phase.loop)) for phase in recipe.phases)
    return replace(recipe, phases=phases, warm_up=cut(recipe.warm_up))
