"""What decides a translator, but the data. Knows numbers only."""

from dataclasses import dataclass, field, replace

from app.training.common.loop import LoopOptions
from app.training.translate.fit import BatchOptions
from app.training.translate.network import Attention, TranslatorOptions
from app.training.translate.search import SearchOptions

_LOOP = LoopOptions(
    steps=6_500,
    learning_rate=1.5e-3,
    weight_decay=0.02,
    warmup=500,
    averaging=0.998,
    validate_every=500,
    patience=6,
)


@dataclass(frozen=True)
class TranslateRecipe:
    """Everything that decides the network, but the data."""

    vocabulary_size: int = 6500  # tokens of all languages, the special ones and bytes included
    cell: str = "gru"  # recurrent cell; a key of CELLS in common/cells.py
    embedding_size: int = 256  # units of a token
    encoder_size: int = 256  # units of the encoder, in each direction
    encoder_layers: int = 1  # layers of the encoder
    hidden_size: int = 512  # units of the decoder
    attention: Attention = "multiplicative"  # how the decoder attends
    embedding_dropout: float = 0.3  # share of the units of tokens, 0 to 1
    output_dropout: float = 0.4  # share of the units before the logits, 0 to 1
    batches: BatchOptions = field(default_factory=BatchOptions)  # what a step learns from
    loop: LoopOptions = _LOOP  # how it is trained
    search: SearchOptions = field(default_factory=SearchOptions)  # when serving
    seed: int = 0  # of weights and batches

    def network(self, vocabulary_size: int) -> TranslatorOptions:
        """The network's options for a vocabulary."""
        return TranslatorOptions(
            vocabulary_size=vocabulary_size,
            cell=self.cell,
            embedding_size=self.embedding_size,
            encoder_size=self.encoder_size,
            encoder_layers=self.encoder_layers,
            hidden_size=self.hidden_size,
            attention=self.attention,
            embedding_dropout=self.embedding_dropout,
            output_dropout=self.output_dropout,
        )

    def training(self) -> LoopOptions:
        """The loop with the seed of the recipe."""
        return replace(self.loop, seed=self.seed)
