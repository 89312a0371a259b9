"""The steps of training sentiment: tokens, warm-up, phases, n-grams. Knows arrays and labels."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional

from app.training.common.loop import Fit, Progress, fit
from app.training.common.precision import mixed_precision
from app.training.sentiment.batches import Batch, Encoded, Ids, Shuffled, collate
from app.training.sentiment.data import Text
from app.training.sentiment.labels import LABELS
from app.training.sentiment.network import TextClassifier
from app.training.sentiment.ngram_fit import fit_ngrams
from app.training.sentiment.ngrams import NgramClassifier
from app.training.sentiment.recipe import SentimentRecipe
from app.training.sentiment.tokenizer import fit_tokenizer
from app.training.sentiment.warm_up import LanguageModel

Texts = Mapping[str, Sequence[Text]]
"""Of every source its texts."""
Logits = NDArray[np.float32]
Report = Callable[[Progress], None]


@dataclass(frozen=True)
class Material:
    """What training reads: the tokeniser and, per source, tokens to learn and to choose from."""

    tokenizer: Tokenizer
    train: Mapping[str, Encoded]
    select: Mapping[str, Encoded]


def build_material(
    train: Texts, select: Texts, recipe: SentimentRecipe, tokenizer_file: Path | None = None
) -> Material:
    """Fit the tokeniser on `train` alone and encode both.

    With `tokenizer_file` it is written there, and read from there if that was done already: a
    checkpoint of a network means nothing without the tokens that it was trained on.
    """
    if tokenizer_file is not None and tokenizer_file.exists():
        tokenizer = Tokenizer.from_file(str(tokenizer_file))
        return Material(tokenizer, _encode(tokenizer, train), _encode(tokenizer, select))

    def shown() -> list[str]:
        return [
            one.text
            for source, texts in sorted(train.items())
            for one in list(texts) * recipe.shares[source].copies
        ]

    tokenizer = fit_tokenizer(shown(), recipe.vocabulary_size)
    if tokenizer_file is not None:
        tokenizer_file.parent.mkdir(parents=True, exist_ok=True)
        tokenizer.save(str(tokenizer_file))
    return Material(tokenizer, _encode(tokenizer, train), _encode(tokenizer, select))


def with_all(material: Material, texts: Texts) -> Material:
    """The same tokeniser and `texts` to learn; nothing is left to choose from."""
    return Material(material.tokenizer, _encode(material.tokenizer, texts), {})


def new_network(material: Material, recipe: SentimentRecipe) -> TextClassifier:
    """The classifier before it has learned anything, as the first phase has it."""
    torch.manual_seed(recipe.seed)
    return TextClassifier(recipe.network(material.tokenizer, recipe.phases[0]))


def warm_up(
    material: Material,
    recipe: SentimentRecipe,
    number: int,
    start: LanguageModel | None,
    checkpoint: Path | None,
    report: Report | None = None,
) -> Fit:
    """Round `number` of language modelling on all training text, from the weights of `start`.

    The fit's network is a `LanguageModel`; its classifier's head is still at zero.
    """
    seed = recipe.seed + number
    network = new_network(material, recipe)
    language = [source for source, share in sorted(recipe.shares.items()) if share.copies]
    length = network.options.chunk_length
    rows = _chunks([material.train[source] for source in language], length, seed)
    held_out = _chunks([material.select[source] for source in language], length, 0)[:256]
    counts = np.bincount(np.concatenate(rows), minlength=network.options.vocabulary_size)
    model = LanguageModel(network, torch.from_numpy(counts), recipe.negatives)
    if start is not None:
        model.load_state_dict(start.state_dict())
    size = recipe.warm_up_rows

    def batch(step: int) -> Batch:
        at = step * size % (len(rows) - size)
        return collate(rows[at : at + size], np.zeros(size, np.int64))

    def loss(module: nn.Module, batch: Batch) -> Tensor:
        with mixed_precision():
            value: Tensor = module(batch.token_ids, batch.lengths)
        return value

    def validate(module: nn.Module) -> float:
        torch.manual_seed(0)
        return float(loss(module, collate(held_out, np.zeros(len(held_out), np.int64))))

    options = replace(recipe.warm_up, seed=seed)
    return fit(model, batch, loss, validate, options, checkpoint=checkpoint, progress=report)


def train_phase(
    material: Material,
    recipe: SentimentRecipe,
    number: int,
    start: nn.Module,
    checkpoint: Path | None,
    report: Report | None = None,
    keep: int | None = None,
) -> Fit:
    """Go through phase `number` from the weights of `start`, which stays as it is.

    The mean error rate of the sources on the held-out texts chooses the weights that are kept,
    unless they are to be those of step `keep`.
    """
    phase = recipe.phases[number]
    network = TextClassifier(recipe.network(material.tokenizer, phase))
    network.load_state_dict(start.state_dict())
    seed = recipe.seed + 7 * number
    streams = {
        source: Shuffled(
            material.train[source],
            share.rows,
            seed,
            max_tokens=phase.max_tokens,
            weights=_by_length(material.train[source]) if share.by_length else None,
        )
        for source, share in recipe.shares.items()
    }

    def batch(step: int) -> dict[str, Batch]:
        return {source: stream(step) for source, stream in streams.items()}

    def loss(module: nn.Module, batches: dict[str, Batch]) -> Tensor:
        values = []
        for source, each in batches.items():
            with mixed_precision():
                logits = module(each.token_ids, each.lengths)
            value = functional.cross_entropy(
                logits.float(),
                each.labels,
                label_smoothing=phase.label_smoothing,
                reduction="none",
            )
            value = (value * each.weights).sum() / each.weights.sum()
            values.append(recipe.shares[source].weight * value)
        return torch.stack(values).sum()

    def validate(module: nn.Module) -> float:
        errors = [
            float((predict(module, data.tokens).argmax(1) != data.labels).mean())
            for data in material.select.values()
        ]
        return float(np.mean(errors))

    options = replace(phase.loop, seed=seed)
    return fit(
        network,
        batch,
        loss,
        validate,
        options,
        checkpoint=checkpoint,
        progress=report,
        keep=keep,
    )


def train_ngrams(material: Material, recipe: SentimentRecipe) -> NgramClassifier | None:
    """The classifiers of n-grams beside the network, if the recipe has them: one for each source
    whose share says so."""
    if recipe.ngrams is None:
        return None
    tokenizer = material.tokenizer
    pieces = [tokenizer.id_to_token(token) or "" for token in range(tokenizer.get_vocab_size())]
    read, silent = (
        [material.train[source] for source, share in recipe.shares.items() if share.ngrams is own]
        for own in (True, False)
    )
    return fit_ngrams(read, pieces, len(LABELS), recipe.ngrams, silent=silent)


def predict(module: nn.Module, tokens: Sequence[Ids]) -> Logits:
    """Logits (texts, classes) in the order of `tokens`, computed in batches of like length."""
    order = np.argsort([len(ids) for ids in tokens], kind="stable")
    answers = np.zeros((len(tokens), len(LABELS)), np.float32)
    size = 64
    with torch.no_grad(), mixed_precision():
        for at in range(0, len(order), size):
            rows = order[at : at + size]
            each = collate([tokens[row] for row in rows], np.zeros(len(rows), np.int64))
            answers[rows] = module(each.token_ids, each.lengths).float().numpy()
    return answers


def _encode(tokenizer: Tokenizer, texts: Texts) -> dict[str, Encoded]:
    return {
        source: Encoded(
            tuple(
                np.array(each.ids, np.int32)
                for each in tokenizer.encode_batch_fast(
                    [one.text for one in several], add_special_tokens=False
                )
            ),
            np.array([LABELS.index(one.label) for one in several], np.int64),
            np.array([one.confidence for one in several], np.float32),
        )
        for source, several in texts.items()
    }


def _by_length(data: Encoded) -> NDArray[np.float64]:
    return np.sqrt([max(len(ids), 1) for ids in data.tokens])


def _chunks(sources: Sequence[Encoded], length: int, seed: int) -> list[Ids]:
    """Every text in pieces of `length` tokens, in random order; pieces of one token teach nothing.

    Short pieces are joined end to end, since a step costs as much for padding as for a token.
    """
    pieces: list[Ids] = []
    for data in sources:
        whole = np.concatenate(data.tokens)
        pieces.extend(whole[at : at + length] for at in range(0, len(whole), length))
    pieces = [piece for piece in pieces if len(piece) > 1]
    order = np.random.default_rng(seed).permutation(len(pieces))
    return [pieces[i] for i in order]
