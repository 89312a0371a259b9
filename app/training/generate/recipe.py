"""What decides a language model, but the text. Knows numbers only."""

from dataclasses import dataclass, field, replace
from typing import Final, Literal

from app.training.common.loop import LoopOptions
from app.training.generate.fit import WindowOptions
from app.training.generate.network import LanguageModelOptions

Unit = Literal["character", "subword"]
UNITS: Final[tuple[Unit, ...]] = ("character", "subword")

_LOOP = LoopOptions(
    steps=3600,
    learning_rate=4e-3,
    weight_decay=0.02,
    averaging=0.995,
    validate_every=200,
    patience=6,
)


@dataclass(frozen=True)
class GenerateRecipe:
    """Everything that decides the network, but the text that it learns from."""

    unit: Unit = "character"  # what the network reads and writes in one step
    vocabulary_size: int = 2000  # pieces, for the unit subword alone
    cell: str = "lstm"  # recurrent cell; a key of CELLS in common/cells.py
    embedding_size: int = 96  # units of an embedded unit of text
    hidden_size: int = 512  # units of a layer
    num_layers: int = 1  # layers
    embedding_dropout: float = 0.1  # share of the embedded values, 0 to 1
    dropout: float = 0.3  # share of the values between layers and before the logits, 0 to 1
    recurrent_dropout: float = 0.25  # share of the hidden-to-hidden weights, 0 to 1
    windows: WindowOptions = field(default_factory=WindowOptions)  # what a step learns from
    loop: LoopOptions = _LOOP  # how it is trained
    seed: int = 0  # of weights and windows

    def __post_init__(self) -> None:
        if self.unit not in UNITS:
            raise ValueError(f"unknown unit {self.unit!r}: expected one of {', '.join(UNITS)}")

    def network(self, vocabulary_size: int) -> LanguageModelOptions:
        """The network's options for a vocabulary of so many units."""
        return LanguageModelOptions(
            vocabulary_size=vocabulary_size,
            cell=self.cell,
            embedding_size=self.embedding_size,
            hidden_size=self.hidden_size,
            num_layers=self.num_layers,
            embedding_dropout=self.embedding_dropout,
            dropout=self.dropout,
            recurrent_dropout=self.recurrent_dropout,
        )

    def training(self) -> LoopOptions:
        """The loop with the seed of the recipe."""
        return replace(self.loop, seed=self.seed)
