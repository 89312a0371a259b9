"""How the sentiment network is fitted: warm-up, phases, n-grams. Knows arrays; no publishing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from app.training.common.loop import Fit, fit
from app.training.common.members import Report, train_members
from app.training.common.precision import mixed_precision
from app.training.sentiment.batches import Batch, Encoded, Ids, Shuffled, collate
from app.training.sentiment.language_model import LanguageModel
from app.training.sentiment.material import Material
from app.training.sentiment.network import TextClassifier
from app.training.sentiment.ngram_fit import fit_ngrams
from app.training.sentiment.ngrams import NgramClassifier
from app.training.sentiment.recipe import SentimentRecipe

Logits = NDArray[np.float32]


@dataclass(frozen=True)
class Learned:
    """The network, and the fits of every round of the warm-up and of every phase."""

    network: TextClassifier
    warm_ups: tuple[Fit, ...]
    phases: tuple[Fit, ...]


def learn(
    material: Material,
    recipe: SentimentRecipe,
    folder: Path,
    start: TextClassifier | None = None,
) -> Learned:
    """Warm up, then go through the phases; one that ends no better than it began is undone.

    Without a warm-up it begins with the weights of `start`, or with none that have learned.
    Checkpoints stand in `folder`; Ctrl-C ends the step that runs and leaves out those after it.
    """
    torch.set_num_threads(1)
    network, model = start or new_network(material, recipe), None
    rounds: list[Fit] = []
    phases: list[Fit] = []
    for number in range(recipe.warm_ups):
        read = partial(warm_up, material, recipe, number, model)
        rounds.append(_go_on(read, folder / f"warm-up-{number}"))
        assert isinstance(rounds[-1].network, LanguageModel)
        model = rounds[-1].network
        network = model.classifier
        if rounds[-1].interrupted:
            return Learned(network, tuple(rounds), ())
    for number in range(len(recipe.phases)):
        go = partial(train_phase, material, recipe, number, network)
        found = _go_on(go, folder / f"phase-{number}")
        if phases and not found.score < phases[-1].score:
            found = replace(found, network=network, score=phases[-1].score, best_step=0)
        phases.append(found)
        assert isinstance(phases[-1].network, TextClassifier)
        network = phases[-1].network
        if phases[-1].interrupted:
            break
    return Learned(network, tuple(rounds), tuple(phases))


def relearn(material: Material, recipe: SentimentRecipe, folder: Path, learned: Learned) -> Learned:
    """Go through the phases again, on other texts, to the steps that were found the best.

    From the weights that the warm-up of `learned` ended with; Ctrl-C does as in `learn`.
    """
    network = new_network(material, recipe)
    if learned.warm_ups:
        model = learned.warm_ups[-1].network
        assert isinstance(model, LanguageModel)
        network = model.classifier
    phases: list[Fit] = []
    for number, before in enumerate(learned.phases):
        go = partial(train_phase, material, recipe, number, network, keep=before.best_step)
        phases.append(_go_on(go, folder / f"refit-{number}"))
        assert isinstance(phases[-1].network, TextClassifier)
        network = phases[-1].network
        if phases[-1].interrupted:
            break
    return Learned(network, learned.warm_ups, tuple(phases))


def settle(
    material: Material, recipe: SentimentRecipe, network: TextClassifier, folder: Path
) -> TextClassifier:
    """The network after the recipe's steps of settling in, or as it is if there are none."""
    if recipe.settling is None:
        return network
    only = replace(recipe, phases=(recipe.settling,))
    go = partial(train_phase, material, only, 0, network, keep=recipe.settling.loop.steps)
    found = _go_on(go, folder / "settling").network
    assert isinstance(found, TextClassifier)
    return found


def _go_on(step: Callable[[Path, Report], Fit], folder: Path) -> Fit:
    def job(_: int, checkpoint: Path, report: Report) -> Fit:
        return step(checkpoint, report)

    (found,) = train_members(job, 1, folder)
    return found


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
            value = losses(logits.float(), each.labels, phase.label_smoothing)  # (batch,)
            value = (value * each.weights).sum() / each.weights.sum()
            values.append(recipe.shares[source].weight * value)
        return torch.stack(values).sum()

    def validate(module: nn.Module) -> float:
        return float(np.mean([error_rate(module, data) for data in material.select.values()]))

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


def losses(logits: Tensor, labels: Tensor, smoothing: float) -> Tensor:
    """The loss of each text (batch,) from logits (batch, classes) and labels as in `Encoded`.

    Cross-entropy; where a text may have several labels its sum over the labels, each by itself.
    `smoothing` is spread over all labels alike (Szegedy et al. 2016, section 7).
    """
    if labels.dim() == 1:
        return functional.cross_entropy(logits, labels, label_smoothing=smoothing, reduction="none")
    wanted = labels.float() * (1.0 - smoothing) + smoothing / 2
    return functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none").sum(1)


def error_rate(module: nn.Module, data: Encoded) -> float:
    """The share of texts whose label is wrong; of labels, where a text may have several."""
    logits = predict(module, data.tokens)
    if data.labels.ndim == 1:
        return float((logits.argmax(1) != data.labels).mean())
    return float(((logits > 0) != data.labels).mean())


def train_ngrams(material: Material, recipe: SentimentRecipe) -> NgramClassifier | None:
    """The classifiers of n-grams beside the network, if the recipe has them: one for each source
    whose share says so."""
    if recipe.ngrams is None:
        return None
    tokenizer = material.tokenizer
    pieces = [tokenizer.id_to_token(token) or "" for token in range(tokenizer.get_vocab_size())]
    spoken_of, silent = of_ngrams(material, recipe)
    return fit_ngrams(spoken_of, pieces, len(recipe.labels), recipe.ngrams, silent=silent)


def of_ngrams(material: Material, recipe: SentimentRecipe) -> tuple[list[Encoded], list[Encoded]]:
    """The training texts of the sources that n-grams speak of, and those of the others."""
    spoken_of, silent = (
        [material.train[source] for source, share in recipe.shares.items() if share.ngrams is own]
        for own in (True, False)
    )
    return spoken_of, silent


def predict(module: nn.Module, tokens: Sequence[Ids]) -> Logits:
    """Logits (texts, classes) in the order of `tokens`, computed in batches of like length."""
    order = np.argsort([len(ids) for ids in tokens], kind="stable")
    found = []
    size = 64
    with torch.no_grad(), mixed_precision():
        for at in range(0, len(order), size):
            rows = order[at : at + size]
            each = collate([tokens[row] for row in rows], np.zeros(len(rows), np.int64))
            found.append(module(each.token_ids, each.lengths).float().numpy())
    sorted_by_length = np.concatenate(found)  # (texts, classes)
    answers = np.empty_like(sorted_by_length)
    answers[order] = sorted_by_length
    return answers


def _by_length(data: Encoded) -> NDArray[np.float64]:
    return np.sqrt([max(len(ids), 1) for ids in data.tokens])


def _chunks(sources: Sequence[Encoded], length: int, seed: int) -> list[Ids]:
    """Every text in pieces of `length` tokens, in random order, without pieces of one token.

    Short pieces are joined end to end, since a step costs as much for padding as for a token.
    """
    pieces: list[Ids] = []
    for data in sources:
        whole = np.concatenate(data.tokens)
        pieces.extend(whole[at : at + length] for at in range(0, len(whole), length))
    pieces = [piece for piece in pieces if len(piece) > 1]
    order = np.random.default_rng(seed).permutation(len(pieces))
    return [pieces[i] for i in order]
