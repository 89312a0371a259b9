"""An encoder and a decoder with attention, in torch. Knows ids, no words and no languages.

Bahdanau, Cho and Bengio 2015 (additive attention, bidirectional encoder); Luong, Pham and Manning
2015 (multiplicative attention, section 3.1; input feeding, section 3.3).
"""

from dataclasses import asdict, dataclass
from typing import Final, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from app.tasks.translate.features import PAD
from app.training.common.cell import State
from app.training.common.cells import CELLS
from app.training.common.recurrent import Recurrent

Attention = Literal["multiplicative", "additive", "none"]
ATTENTIONS: Final[tuple[Attention, ...]] = ("multiplicative", "additive", "none")


@dataclass(frozen=True)
class TranslatorOptions:
    """Sizes of a `Translator`."""

    vocabulary_size: int  # tokens of both sides, the special ones included
    cell: str = "gru"  # recurrent cell; a key of CELLS in common/cells.py
    embedding_size: int = 256  # units of a token, and of what is predicted from
    encoder_size: int = 256  # units of the encoder, in each direction
    encoder_layers: int = 1  # layers of the encoder
    hidden_size: int = 512  # units of the decoder
    # how the decoder attends; "none" gives it the mean of the source at every step
    attention: Attention = "multiplicative"
    embedding_dropout: float = 0.3  # share of the units of tokens, 0 to 1
    output_dropout: float = 0.4  # share of the units before the logits, 0 to 1

    def __post_init__(self) -> None:
        if self.cell not in CELLS:
            raise ValueError(f"unknown cell {self.cell!r}: expected one of {', '.join(CELLS)}")
        if self.attention not in ATTENTIONS:
            names = ", ".join(ATTENTIONS)
            raise ValueError(f"unknown attention {self.attention!r}: expected one of {names}")


@dataclass(frozen=True)
class Context:
    """What stays the same over all steps of a translation: one row per sentence.

    keys, values: (rows, source, size). mask: (rows, source), 0 or a large negative number.
    """

    keys: Tensor
    values: Tensor
    mask: Tensor

    def rows(self, index: Tensor) -> "Context":
        """Some of the rows, in the order of `index`."""
        return Context(self.keys[index], self.values[index], self.mask[index])


MASKED: Final = -1e9


class Translator(nn.Module):
    """A bidirectional encoder; a decoder that reads its last word and its last output.

    Source words, target words and predicted words share one matrix (Press and Wolf 2017). A state
    is that of the cell, and behind it what the last word was predicted from (input feeding).
    """

    def __init__(self, options: TranslatorOptions) -> None:
        super().__init__()
        self.options = o = options
        self.embedding = nn.Embedding(o.vocabulary_size, o.embedding_size)
        self.encoder = Recurrent(
            o.cell,
            o.embedding_size,
            o.encoder_size,
            o.encoder_layers,
            bidirectional=True,
            dropout=o.embedding_dropout,
        )
        source = self.encoder.output_size
        self.cell = CELLS[o.cell](2 * o.embedding_size, o.hidden_size)
        self.sizes = tuple(self.cell.state_size(name, o.hidden_size) for name in self.cell.states)
        self.start = nn.Linear(source, sum(self.sizes))
        self.keys = nn.Linear(source, o.hidden_size, bias=False)
        if o.attention == "additive":
            self.query = nn.Linear(o.hidden_size, o.hidden_size)
            self.energy = nn.Linear(o.hidden_size, 1, bias=False)
        self.combine = nn.Linear(o.hidden_size + source, o.embedding_size)
        self.bias = nn.Parameter(torch.zeros(o.vocabulary_size))
        nn.init.normal_(self.embedding.weight, std=o.embedding_size**-0.5)

    @property
    def embedding_scale(self) -> float:
        """The factor of an embedding as an input (as in Vaswani et al. 2017, 3.4)."""
        return float(self.options.embedding_size**0.5)

    def embed(self, tokens: Tensor) -> Tensor:
        """Tokens (...) as vectors (..., embedding)."""
        embedded: Tensor = self.embedding(tokens) * self.embedding_scale
        return functional.dropout(embedded, self.options.embedding_dropout, self.training)

    def begin(self, source: Tensor, lengths: Tensor) -> tuple[Context, State]:
        """source (time, batch), lengths (batch,): the context and the first state."""
        outputs, _ = self.encoder(self.embed(source), lengths)  # (time, batch, source size)
        values = outputs.transpose(0, 1)  # (batch, time, source size)
        steps = torch.arange(len(source))[None, :]
        inside = steps < lengths[:, None]  # (batch, time)
        mean = values.sum(1) / lengths[:, None].to(values.dtype)
        first = torch.tanh(self.start(mean)).float()
        state = torch.split(first, list(self.sizes), dim=1)
        feed = first.new_zeros(len(lengths), self.options.embedding_size)
        mask = torch.where(inside, 0.0, MASKED)
        return Context(self.keys(values), values, mask), (*state, feed)

    def step(self, context: Context, state: State, word: Tensor) -> tuple[State, Tensor]:
        """One step with the embedded word (rows, embedding): new state, weights (rows, source)."""
        *inner, feed = state
        entry = torch.cat([word, feed.to(word.dtype)], dim=1)
        after = self.cell.step(self.cell.project(entry), tuple(inner), self.cell.weight_hh)
        hidden = after[0]
        weights = self._weights(context, hidden)
        seen = (weights[:, None, :].to(context.values.dtype) @ context.values)[:, 0]
        joined = torch.cat([hidden, seen.to(hidden.dtype)], dim=1)
        return (*after, torch.tanh(self.combine(joined))), weights

    def forward(self, source: Tensor, lengths: Tensor, target: Tensor) -> Tensor:
        """What follows each of `target` (time, batch) is predicted from: (time, batch, emb.)."""
        context, state = self.begin(source, lengths)
        outputs = []
        for word in self.embed(target).unbind(0):
            state, _ = self.step(context, state, word)
            outputs.append(state[-1])
        return torch.stack(outputs)

    def logits(self, outputs: Tensor) -> Tensor:
        """(..., embedding) to (..., vocabulary)."""
        thinned = functional.dropout(outputs, self.options.output_dropout, self.training)
        return functional.linear(thinned, self.embedding.weight, self.bias)

    def next_words(
        self, context: Context, state: State, tokens: Tensor, never: Tensor
    ) -> tuple[State, Tensor]:
        """One step after `tokens` (rows,): state, log-probabilities (rows, vocabulary).

        `never` (vocabulary,) tells what may not be said.
        """
        state, _ = self.step(context, state, self.embed(tokens))
        logits = self.logits(state[-1]).float().masked_fill(never, -torch.inf)
        return state, torch.log_softmax(logits, dim=1)

    def describe(self) -> dict[str, object]:
        return asdict(self.options) | {"parameters": sum(p.numel() for p in self.parameters())}

    def _weights(self, context: Context, hidden: Tensor) -> Tensor:
        kind = self.options.attention
        if kind == "none":
            return torch.softmax(context.mask, dim=1)
        if kind == "additive":
            mixed = torch.tanh(context.keys + self.query(hidden)[:, None, :])
            scores = self.energy(mixed)[:, :, 0]
        else:
            scores = (context.keys @ hidden[:, :, None].to(context.keys.dtype))[:, :, 0]
            scores = scores * self.options.hidden_size**-0.5
        return torch.softmax(scores.float() + context.mask, dim=1)


def padded(rows: list[list[int]]) -> tuple[Tensor, Tensor]:
    """Rows of ids as (time, batch), and their lengths (batch,)."""
    lengths = torch.tensor([len(row) for row in rows])
    columns = [torch.tensor(row) for row in rows]
    return nn.utils.rnn.pad_sequence(columns, padding_value=PAD), lengths
