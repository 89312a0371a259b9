"""The whole learning of the sentiment network: rounds, then phases. Knows no publishing."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch

from app.training.common.loop import Fit
from app.training.common.members import Report, train_members
from app.training.sentiment.network import TextClassifier
from app.training.sentiment.recipe import SentimentRecipe
from app.training.sentiment.steps import Material, new_network, train_phase, warm_up
from app.training.sentiment.warm_up import LanguageModel


@dataclass(frozen=True)
class Learned:
    """The network, and the fits of every round of the warm-up and of every phase."""

    network: TextClassifier
    warm_ups: tuple[Fit, ...]
    phases: tuple[Fit, ...]


def learn(material: Material, recipe: SentimentRecipe, folder: Path) -> Learned:
    """Warm up, then go through the phases; one that ends no better than it began is undone.

    Checkpoints stand in `folder`; Ctrl-C ends the step that runs and leaves out those after it.
    """
    torch.set_num_threads(1)
    network, model = new_network(material, recipe), None
    rounds: list[Fit] = []
    phases: list[Fit] = []
    for number in range(recipe.warm_ups):
        read = partial(warm_up, material, recipe, number, model)
        rounds.append(_fit(read, folder / f"warm-up-{number}"))
        assert isinstance(rounds[-1].network, LanguageModel)
        model = rounds[-1].network
        network = model.classifier
        if rounds[-1].interrupted:
            return Learned(network, tuple(rounds), ())
    for number in range(len(recipe.phases)):
        go = partial(train_phase, material, recipe, number, network)
        found = _fit(go, folder / f"phase-{number}")
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
        phases.append(_fit(go, folder / f"refit-{number}"))
        assert isinstance(phases[-1].network, TextClassifier)
        network = phases[-1].network
        if phases[-1].interrupted:
            break
    return Learned(network, learned.warm_ups, tuple(phases))


def _fit(step: Callable[[Path, Report], Fit], folder: Path) -> Fit:
    def job(_: int, checkpoint: Path, report: Report) -> Fit:
        return step(checkpoint, report)

    (found,) = train_members(job, 1, folder)
    return found
