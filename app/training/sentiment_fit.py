"""The whole learning of the sentiment network: rounds, phases, members. Knows no publishing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from app.training.classifiers import TextClassifier
from app.training.loop import Fit
from app.training.members import Report, train_members
from app.training.sentiment_recipe import SentimentRecipe
from app.training.sentiment_steps import Material, new_network, train_phase, warm_up
from app.training.warm_up import LanguageModel


@dataclass(frozen=True)
class Learned:
    """The network, and the fits of every round of the warm-up and of every phase's members."""

    network: TextClassifier
    warm_ups: tuple[Fit, ...]
    phases: tuple[tuple[Fit, ...], ...]


def learn(material: Material, recipe: SentimentRecipe, folder: Path, *, jobs: int = 1) -> Learned:
    """Warm up, fine-tune every member from there, and average their weights.

    Networks that were fine-tuned from the same weights lie in one basin of the loss, where the
    mean of their weights is about as good as the mean of their answers and costs no more than one
    of them (Wortsman et al. 2022, "Model soups", section 2, the uniform soup). Checkpoints stand
    in `folder`; Ctrl-C ends the step that runs and leaves out those after it.
    """
    torch.set_num_threads(1)
    network = new_network(material, recipe)
    model: LanguageModel | None = None
    rounds: list[Fit] = []
    for number in range(recipe.warm_ups):
        job = _round(material, recipe, number, model)
        rounds += train_members(job, 1, folder / f"warm-up-{number}")
        read = rounds[-1].network
        assert isinstance(read, LanguageModel)
        network, model = read.classifier, read
        if rounds[-1].interrupted:
            return Learned(network, tuple(rounds), ())
    networks = [network] * recipe.members
    phases: list[tuple[Fit, ...]] = []
    for number in range(len(recipe.phases)):
        job = _phase(material, recipe, number, networks)
        fits = train_members(job, recipe.members, folder / f"phase-{number}", jobs=jobs)
        phases.append(tuple(fits))
        networks = [fit.network for fit in fits if isinstance(fit.network, TextClassifier)]
        if len(fits) < recipe.members or any(fit.interrupted for fit in fits):
            break
    return Learned(mean_of(networks), tuple(rounds), tuple(phases))


def _round(
    material: Material, recipe: SentimentRecipe, number: int, start: LanguageModel | None
) -> Callable[[int, Path, Report], Fit]:
    def job(_: int, checkpoint: Path, report: Report) -> Fit:
        return warm_up(material, recipe, number, start, checkpoint, report)

    return job


def _phase(
    material: Material, recipe: SentimentRecipe, number: int, starts: Sequence[TextClassifier]
) -> Callable[[int, Path, Report], Fit]:
    def job(member: int, checkpoint: Path, report: Report) -> Fit:
        start = starts[member]
        return train_phase(material, recipe, number, start, checkpoint, report, member=member)

    return job


def mean_of(networks: Sequence[TextClassifier]) -> TextClassifier:
    """A network of the same shape whose weights are the mean of theirs."""
    states = [network.state_dict() for network in networks]
    mean = TextClassifier(networks[0].options)
    mean.load_state_dict(
        {name: torch.stack([each[name] for each in states]).mean(dim=0) for name in states[0]}
    )
    return mean.eval()
