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
    """What one source adds to every step."""

    rows: int  # texts in a step
    weight: float = 1.0  # how much their loss counts
    # how often the tokeniser is shown the source's texts, so that no source drowns another; with 0
    # they teach neither the tokeniser nor the language model, only what to answer
    copies: int = 1
    # draw long texts more often than short ones, by the square root of their length
    by_length: bool = False
    # whether a classifier of n-grams is fitted to them; if not, the classifiers of the other
    # sources learn to add nothing to texts of this kind, and the network answers alone
    ngrams: bool = True
    # whether held-out texts of the source decide how much each part of the classifier counts; those
    # that are made, or labelled by their words alone, would make it too sure of itself
    blended: bool = True


@dataclass(frozen=True)
class Phase:
    """A stretch of training from the best weights of the one before it."""

    loop: LoopOptions  # how the network is trained
    token_dropout: float  # share of whole tokens that is dropped, 0 to 1
    embedding_dropout: float  # share of the units of tokens, 0 to 1
    recurrent_dropout: float  # share of the hidden-to-hidden weights, 0 to 1
    label_smoothing: float  # share of each label that is spread over all labels, 0 to 1
    max_tokens: int  # of a longer text a random piece of so many tokens is shown


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
    """Everything that decides the network, but the data."""

    labels: tuple[str, ...] = LABELS  # in the order of the classes
    vocabulary_size: int = 20_000  # tokens of the tokeniser
    cell: str = "lstm"  # recurrent cell; a key of CELLS in common/cells.py
    embedding_size: int = 192  # units of a token
    hidden_size: int = 256  # units of each direction
    num_layers: int = 1  # recurrent layers
    bidirectional: bool = True  # whether a text is read backwards, too
    head_dropout: float = 0.5  # share of the pooled units that is dropped in training, 0 to 1
    # what each source adds to a step, by the source's name
    shares: Mapping[str, Share] = field(
        default_factory=lambda: {
            "airline": Share(24, weight=0.7, copies=10),
            "sst2": Share(96, copies=4, by_length=True),
            "imdb": Share(24),
            "plain": Share(32, copies=0, ngrams=False, blended=False),
            "facts": Share(40, weight=0.7, copies=0, ngrams=False, blended=False),
            "everyday": Share(64, copies=0, ngrams=False),
        }
    )
    ngrams: NgramOptions | None = _NGRAMS  # of the n-gram classifiers; None for none
    warm_up: LoopOptions = _WARM_UP  # a round of language modelling
    # rounds, each from the weights of the one before it with the learning rate back at its top
    # (Loshchilov and Hutter 2017, section 3)
    warm_ups: int = 4
    warm_up_rows: int = 64  # pieces of text in a step of the warm-up
    negatives: int = 384  # wrong tokens that a right one is compared with in the warm-up
    phases: tuple[Phase, ...] = _PHASES  # of learning to answer, in their order
    # of a refit that was not trained but moved, on all texts, to settle in; None for none
    settling: Phase | None = None
    seed: int = 0  # of weights and batches

    def network(self, tokenizer: Tokenizer, phase: Phase) -> ClassifierOptions:
        """The network's options while it goes through `phase`."""
        return ClassifierOptions(
            vocabulary_size=tokenizer.get_vocab_size(),
            classes=len(self.labels),
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


def open_recipe() -> SentimentRecipe:
    """The recipe for weights that may be used for anything: own templates, open sentences.

    There is no text of research sets in it, and no classifier of n-grams.
    """
    loop = LoopOptions(
        steps=1000,
        learning_rate=1.5e-3,
        weight_decay=0.05,
        averaging=0.99,
        validate_every=200,
        patience=8,
        warmup=100,
    )
    phase = replace(_PHASES[-1], loop=loop, max_tokens=256)
    return SentimentRecipe(
        vocabulary_size=12_000,
        embedding_size=128,
        hidden_size=128,
        shares={
            "plain": Share(32, copies=0, blended=False),
            "sentences": Share(64, weight=0.7, blended=False),
            "everyday": Share(96),
        },
        ngrams=None,
        warm_up=replace(_WARM_UP, steps=400, validate_every=100),
        warm_ups=1,
        phases=(phase, phase),
    )


def continued(recipe: SentimentRecipe) -> SentimentRecipe:
    """The recipe for going on from a published version: no warm-up, short phases at a low rate.

    Of the long texts less is shown; they are there to be kept in mind.
    """
    loop = LoopOptions(
        steps=400,
        learning_rate=8e-4,
        weight_decay=0.02,
        averaging=0.99,
        validate_every=200,
        warmup=30,
    )
    rows = {"airline": 16, "sst2": 32, "imdb": 6, "plain": 12, "facts": 24, "everyday": 48}
    shares = {name: replace(share, rows=rows[name]) for name, share in recipe.shares.items()}
    phase = replace(recipe.phases[-1], loop=loop, max_tokens=256)
    rest = replace(loop, steps=150, learning_rate=5e-4, averaging=0.98, warmup=10)
    settling = replace(phase, loop=rest)
    return replace(recipe, shares=shares, warm_ups=0, phases=(phase, phase), settling=settling)


def shortened(recipe: SentimentRecipe, steps: int) -> SentimentRecipe:
    """The same recipe with at most so many batches of every phase, the warm-up included."""

    def cut(loop: LoopOptions) -> LoopOptions:
        every = max(1, min(loop.validate_every, steps // 2))
        return replace(loop, steps=min(loop.steps, steps), validate_every=every)

    phases = tuple(replace(phase, loop=cut(phase.loop)) for phase in recipe.phases)
    return replace(recipe, phases=phases, warm_up=cut(recipe.warm_up))
