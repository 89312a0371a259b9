"""An encoder-decoder with and without attention, on a made language. Knows no real one."""

from typing import TYPE_CHECKING, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from app.tasks.translate.features import END
from app.training.study.finding import Finding, Report, Rows
from app.training.study.reader import made, taught
from app.training.translate.network import ATTENTIONS, Attention, Translator, TranslatorOptions

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Ids = NDArray[np.int64]
STEPS: Final = 600  # of training, for each network
LENGTHS: Final = (4, 8, 12, 16, 20)
LONGEST: Final = 12  # words of a sentence in training
_FIRST, _WORDS, _ROWS = 2, 20, 64  # 0 and 1 are padding and the end


def sentences(rng: np.random.Generator, length: int, rows: int) -> tuple[Tensor, Tensor]:
    """A source and its translation, both (length, rows): every word by word, in reverse order."""
    words = rng.integers(0, _WORDS, (length, rows))
    return torch.from_numpy(words + _FIRST), torch.from_numpy(translated(words) + _FIRST)


def translated(words: Ids) -> Ids:
    """Each word is another one, and the order is turned round."""
    found: Ids = (words * 7 + 3)[::-1] % _WORDS
    return found.copy()


def learned(attention: Attention) -> Translator:
    """A translator taught on sentences of up to twelve words."""
    options = TranslatorOptions(
        vocabulary_size=_FIRST + _WORDS,
        embedding_size=32,
        encoder_size=32,
        hidden_size=64,
        attention=attention,
        embedding_dropout=0.0,
        output_dropout=0.0,
    )
    network = made(lambda: Translator(options), 0)

    def loss(module: nn.Module, drawn: tuple[Tensor, Tensor]) -> Tensor:
        assert isinstance(module, Translator)
        source, target = drawn
        begun = torch.cat([torch.full_like(target[:1], END), target[:-1]])
        outputs = module(source, _lengths(source), begun)
        return functional.cross_entropy(module.logits(outputs).flatten(0, 1), target.flatten())

    taught(
        network,
        lambda rng: sentences(rng, int(rng.integers(1, LONGEST + 1)), _ROWS),
        loss,
        steps=STEPS,
        rate=4e-3,
    )
    return network


def translate(network: Translator, source: Tensor) -> tuple[Tensor, Tensor]:
    """Greedy answers (length, rows), as long as the source, and weights (length, rows, source)."""
    words, attended = [], []
    with torch.no_grad():
        context, state = network.begin(source, _lengths(source))
        word = torch.full_like(source[0], END)
        for _ in range(len(source)):
            state, weights = network.step(context, state, network.embed(word))
            word = network.logits(state[-1]).argmax(1)
            words.append(word)
            attended.append(weights)
    return torch.stack(words), torch.stack(attended)


def _lengths(source: Tensor) -> Tensor:
    return torch.full((source.shape[1],), len(source))


def attention(report: Report) -> Finding:
    """Both forms of attention beside none, by the length of a sentence."""
    lines: dict[str, list[float]] = {}
    weights: dict[str, Tensor] = {}
    for kind in ATTENTIONS:
        report(f"attention: {kind}")
        network = learned(kind)
        scores = []
        for length in LENGTHS:
            source, target = sentences(np.random.default_rng(length), length, 300)
            answer, attended = translate(network, source)
            scores.append(float((answer == target).float().mean()))
            if length == LONGEST:
                weights[kind] = attended[:, 0]  # (target, source)
        lines[kind] = scores
    table = Rows(
        f"Share of right words, taught up to {LONGEST} words ({1 / _WORDS:.2f} is chance):",
        ("attention", *(f"{length} words" for length in LENGTHS)),
        [[name, *(f"{each:.3f}" for each in scores)] for name, scores in lines.items()],
    )
    return Finding(
        "Attention",
        _TEXT,
        [table],
        lambda figure: _draw(figure, lines, weights),
        (11.0, 3.4),
    )


def _draw(figure: "Figure", lines: dict[str, list[float]], weights: dict[str, Tensor]) -> None:
    left, *pictures = figure.subplots(1, 1 + len(weights))
    for name, scores in lines.items():
        left.plot(LENGTHS, scores, "o-", label=name)
    left.axvline(LONGEST, color="grey", linewidth=0.5)
    left.set_xlabel("words in a sentence")
    left.set_ylabel("share right")
    left.legend(fontsize=7)
    for axes, (name, matrix) in zip(pictures, weights.items(), strict=True):
        axes.imshow(matrix.numpy(), vmin=0.0, vmax=1.0, cmap="gray", interpolation="nearest")
        axes.set_title(name, fontsize=9)
        axes.set_xlabel("source")
    pictures[0].set_ylabel("translation")


_TEXT = """
The language is made: each word has one translation, and the order is reversed. Without attention
the decoder sees the source as one vector, the mean of what the encoder says, in every step: that is
the plain encoder-decoder, and it has to keep the sentence in its state. With attention it looks at
one place of the source for each word; the pictures show that it goes through the source from its
end, which nobody told it. The networks are those of `unroll train translate`, with `--attention`
multiplicative, additive or none.
"""
