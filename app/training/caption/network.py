"""The network that puts features of an image into words; knows tensors, not images or words.

Show and tell (Vinyals et al. 2015) with the image at every step, and, if it attends, over the
cells of the feature map (Xu et al. 2015, section 3.1, soft attention).
"""

from dataclasses import asdict, dataclass
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from app.training.caption.words import BOS, UNK
from app.training.common.cell import State
from app.training.common.cells import CELLS

# Every state of the decoder begins as a bounded projection of the image, of the size of a layer.
FITTING: Final = [
    name
    for name, cell in CELLS.items()
    if all(
        cell.state_size(state, 16) == 16 and not cell.initial_state(state, 16).any()
        for state in cell.states
    )
]


@dataclass(frozen=True)
class CaptionerOptions:
    """Sizes of a `Captioner`."""

    vocabulary_size: int  # tokens, the special ones included
    channels: int  # of the feature vector, or of a cell of the map
    cell: str = "lstm"  # recurrent cell; a key of CELLS in common/cells.py
    embedding_size: int = 512  # units of a word
    hidden_size: int = 512  # units of the decoder
    attention_size: int = 0  # units of the keys; 0 for a network that does not attend
    # share of the image's features that is dropped in training, 0 to 1
    feature_dropout: float = 0.3
    embedding_dropout: float = 0.3  # share of the units of words, 0 to 1
    output_dropout: float = 0.5  # share of the outputs before the logits, 0 to 1

    def __post_init__(self) -> None:
        if self.cell not in FITTING:
            raise ValueError(f"unknown cell {self.cell!r}: expected one of {', '.join(FITTING)}")


@dataclass(frozen=True)
class Context:
    """What stays the same over all steps of a caption: one row per caption."""

    image: Tensor  # (rows, embedding)
    keys: Tensor | None = None  # (rows, grid cells, attention)
    values: Tensor | None = None  # (rows, grid cells, embedding)

    def rows(self, index: Tensor) -> "Context":
        """Some of the rows, in the order of `index`."""
        keys = None if self.keys is None else self.keys[index]
        values = None if self.values is None else self.values[index]
        return Context(self.image[index], keys, values)


class Captioner(nn.Module):
    """One recurrent layer that reads the last word and the image, and predicts the next word.

    Input words and predicted words share one matrix (Press and Wolf 2017); as an input, a word is
    scaled to the size of the image's features. The image and a word are added, as vectors of the
    same size, so that a step costs no more than without the image.
    """

    def __init__(self, options: CaptionerOptions) -> None:
        super().__init__()
        self.options = o = options
        self.norm = nn.LayerNorm(o.channels)
        self.image = nn.Linear(o.channels, o.embedding_size)
        self.embedding = nn.Embedding(o.vocabulary_size, o.embedding_size)
        self.cell = CELLS[o.cell](o.embedding_size, o.hidden_size)
        self.start = nn.Linear(o.channels, len(self.cell.states) * o.hidden_size)
        self.output = nn.Linear(o.hidden_size, o.embedding_size)
        self.bias = nn.Parameter(torch.zeros(o.vocabulary_size))
        nn.init.normal_(self.embedding.weight, std=o.embedding_size**-0.5)
        if o.attention_size:
            self.cell_norm = nn.LayerNorm(o.channels)
            self.keys = nn.Linear(o.channels, o.attention_size)
            self.values = nn.Linear(o.channels, o.embedding_size)
            self.query = nn.Linear(o.hidden_size, o.attention_size)

    @property
    def embedding_scale(self) -> float:
        """The factor of an embedding as an input (as in Vaswani et al. 2017, 3.4)."""
        return float(self.options.embedding_size**0.5)

    @property
    def attends(self) -> bool:
        return self.options.attention_size > 0

    def start_from(self, log_frequencies: Tensor) -> None:
        """Begin with the words' own frequencies: (vocabulary,) logarithms as the output bias."""
        with torch.no_grad():
            self.bias.copy_(log_frequencies)

    def begin(self, pooled: Tensor, cells: Tensor | None = None) -> tuple[Context, State]:
        """pooled (batch, channels), cells (batch, grid, channels) -> context and first state."""
        features = self._drop(self.norm(pooled), self.options.feature_dropout)
        image = self.image(features)
        state = tuple(torch.tanh(self.start(features)).chunk(len(self.cell.states), dim=1))
        if not self.attends:
            return Context(image), state
        if cells is None:
            raise ValueError("a network that attends needs the cells of the map")
        grid = self._drop(self.cell_norm(cells), self.options.feature_dropout)
        return Context(image, self.keys(grid), self.values(grid)), state

    def embed(self, tokens: Tensor) -> Tensor:
        """Tokens (...) as vectors (..., embedding)."""
        embedded: Tensor = self.embedding(tokens) * self.embedding_scale
        return embedded

    def forward(self, context: Context, state: State, tokens: Tensor) -> Tensor:
        """The hidden state after every one of `tokens` (time, batch): (time, batch, hidden)."""
        words = self._drop(self.embed(tokens), self.options.embedding_dropout)
        if not self.attends:
            outputs: Tensor = self.cell(words + context.image, None, state)[0]
            return outputs
        steps = []
        for word in words.unbind(0):
            state, _ = self.step(context, state, word)
            steps.append(state[0])
        return torch.stack(steps)

    def step(self, context: Context, state: State, word: Tensor) -> tuple[State, Tensor | None]:
        """One step with the embedded word (rows, embedding): the new state, where it looked."""
        entry, weights = word + context.image, None
        if context.keys is not None and context.values is not None:
            query = self.query(state[0])[:, :, None]  # (rows, attention, 1)
            scores = (context.keys @ query)[:, :, 0] * self.options.attention_size**-0.5
            weights = torch.softmax(scores, dim=1)  # (rows, grid)
            entry = entry + (weights[:, None, :] @ context.values)[:, 0]
        return self.cell.step(self.cell.project(entry), state, self.cell.weight_hh), weights

    def logits(self, outputs: Tensor) -> Tensor:
        """(..., hidden) to (..., vocabulary)."""
        spoken = self.output(self._drop(outputs, self.options.output_dropout))
        return functional.linear(spoken, self.embedding.weight, self.bias)

    def next_words(
        self, context: Context, state: State, tokens: Tensor
    ) -> tuple[State, Tensor, Tensor | None]:
        """One step after `tokens` (rows,): state, log-probabilities (rows, vocabulary), weights.

        What may never be said (padding, begin, unknown) has minus infinity.
        """
        state, weights = self.step(context, state, self.embed(tokens))
        logits = self.logits(state[0])
        logits[:, : BOS + 1] = -torch.inf
        logits[:, UNK] = -torch.inf
        return state, torch.log_softmax(logits, dim=1), weights

    def describe(self) -> dict[str, object]:
        return asdict(self.options) | {"parameters": sum(p.numel() for p in self.parameters())}

    def _drop(self, values: Tensor, share: float) -> Tensor:
        return functional.dropout(values, share, self.training)
