"""Judges texts by networks that have not learned them. Knows networks and the task; no files."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch

from app.features.characters import CharacterOptions, read, squeeze
from app.serving.runtime.session import Session
from app.tasks.authorship import AuthorshipFeatures, AuthorshipTask, Calibration
from app.training.authorship.baselines import BASELINES, cleaned
from app.training.authorship.data import Corpus, Document, grouped_folds, latest_fold
from app.training.authorship.fit import Ids, reading, train_member
from app.training.authorship.network import AuthorshipNetwork, authorship_graph
from app.training.authorship.profile import fit_profile
from app.training.authorship.recipe import AuthorshipRecipe
from app.training.authorship.scores import Judged, Row, rescale_across, score
from app.training.common.loop import Fit
from app.training.common.members import Report, train_members

# Characters: held-out texts are judged by such heads too.
CUTS = (100, 250, 500, 1_000, 2_000, 4_000)
_WITHOUT = {
    "profile": "its recurrent part alone",
    "recurrent": "its n-gram profile alone",
}


@dataclass(frozen=True)
class Trained:
    """Networks, and how they read."""

    networks: list[AuthorshipNetwork]
    fits: list[Fit]
    reading: CharacterOptions


@dataclass(frozen=True)
class Asked:
    """A held-out text without superfluous white space, its author's number, and its fold."""

    name: str
    text: str
    truth: int
    fold: int


@dataclass(frozen=True)
class HeldOut:
    """What networks that never saw a text answered to it, whole and cut; not calibrated yet."""

    whole: list[Judged]
    cut: list[Judged]
    kept_back: frozenset[str]
    others: dict[str, list[int]]  # answers of other methods to the whole texts


def hold_out(
    corpus: Corpus, recipe: AuthorshipRecipe, work: Path, tell: Callable[[str], None]
) -> HeldOut:
    """Judge texts by networks that were trained without them, through the task and the graph."""
    documents, labels = corpus.documents, corpus.labels()
    if recipe.folds:
        count = min(recipe.folds, len(documents) // 2)
        folds = grouped_folds(corpus, count, recipe.seed)
    else:
        folds = [latest_fold(corpus, recipe.share)]
    if sum(map(len, folds)) < 2:
        raise ValueError("there are too few different texts to hold any out")
    whole: list[Judged] = []
    cut: list[Judged] = []
    parts = _WITHOUT if recipe.network.profile else {}
    others: dict[str, list[int]] = {method: [] for method in (*parts.values(), *BASELINES)}
    for k, fold in enumerate(folds):
        tell(f"fold {k + 1} of {len(folds)}: {len(fold)} texts held out")
        held = set(fold)
        known = [one for i, one in enumerate(documents) if i not in held]
        trained = train(corpus, known, recipe, work / f"fold-{k}")
        features = features_of(corpus, recipe, trained.reading, Calibration(), 0.0)
        task = _task(features, trained)
        asked = []
        for at, i in enumerate(fold):
            # A single fold is halved, so that one half calibrates what is reported of the other.
            part = k if len(folds) > 1 else at % 2
            plain = squeeze(documents[i].text)[0]
            asked.append(Asked(documents[i].name, plain, labels[i], part))
        judged = judge(task, asked)
        whole += judged
        for length in CUTS:
            cut += judge(task, [one for one in asked if len(one.text) > length], length)
        for without, method in parts.items():
            answers = judge(_task(features, trained, **{without: False}), asked)
            others[method] += [one.answer for one in answers]
        right = sum(one.answer == one.truth for one in judged)
        tell(f"fold {k + 1}: {right} of {len(fold)} right")
        texts = cleaned([one.text for one in known], corpus.masked_words)
        questions = cleaned([one.text for one in asked], corpus.masked_words)
        for method, answer in BASELINES.items():
            mine = [corpus.authors.index(one.author) for one in known]
            others[method] += answer(texts, mine, questions)
    kept_back = frozenset(one.name for one in documents if one.kept_back)
    return HeldOut(whole, cut, kept_back, others)


def train(
    corpus: Corpus, documents: Sequence[Document], recipe: AuthorshipRecipe, work: Path
) -> Trained:
    """Networks that learned `documents`."""
    options = reading(documents, corpus.masked_words, recipe)
    ids = [read(one.text, options).ids for one in documents]
    labels = [corpus.authors.index(one.author) for one in documents]
    fits = train_members(partial(_member, ids, labels, recipe), recipe.members, work)
    networks = [fit.network for fit in fits if isinstance(fit.network, AuthorshipNetwork)]
    if recipe.network.profile:
        fit_profile(networks, ids, labels, recipe.profile_weight)
    return Trained(networks, fits, options)


def _member(
    ids: list[Ids],
    labels: list[int],
    recipe: AuthorshipRecipe,
    member: int,
    checkpoint: Path,
    report: Report,
) -> Fit:
    torch.set_num_threads(1)
    return train_member(ids, labels, recipe, member, checkpoint=checkpoint, progress=report)


def _task(features: AuthorshipFeatures, trained: Trained, **parts: bool) -> AuthorshipTask:
    graph = authorship_graph(trained.networks, **parts)
    return AuthorshipTask(features, Session(graph.SerializeToString()))


def judge(task: AuthorshipTask, asked: Sequence[Asked], head: int = 0) -> list[Judged]:
    """The task's answers to texts, or to their first `head` characters."""
    answers = task.predict([task.encode(one.text[: head or None]) for one in asked])
    return [
        Judged(
            name=one.name,
            truth=one.truth,
            probabilities=np.array(list(answer.probabilities.values())),
            characters=answer.characters,
            fold=one.fold,
            head=head,
        )
        for one, answer in zip(asked, answers, strict=True)
    ]


def report(corpus: Corpus, held: HeldOut, fair: Sequence[Judged]) -> list[Row]:
    """The network and the baselines on all held-out texts, and on their heads."""
    rows = []
    calibrated = rescale_across(held.whole, fair)
    truths = [one.truth for one in calibrated]
    answers: dict[str, list[int]] = {
        "network": [one.answer for one in calibrated],
        **held.others,
    }
    parts = {"held out": list(range(len(truths)))}
    if corpus.kind == "federalist":  # the headline counts Hamilton's and Madison's alone
        jay = corpus.authors.index("Jay")
        both = [i for i, truth in enumerate(truths) if truth != jay]
        parts = {"held out, Hamilton and Madison": both, **parts}
    for texts, part in parts.items():
        for method, given in answers.items():
            shares = np.array([calibrated[i].probabilities for i in part])
            rows.append(
                score(
                    method,
                    texts,
                    [truths[i] for i in part],
                    [given[i] for i in part],
                    corpus.authors,
                    shares if method == "network" else None,
                )
            )
    for length in CUTS:
        cut = [one for one in held.cut if one.head == length]
        if cut:
            heads = rescale_across(cut, fair)
            shares = np.array([one.probabilities for one in heads])
            truths, given = [one.truth for one in heads], [one.answer for one in heads]
            texts = f"held out, first {length} characters"
            rows.append(score("network", texts, truths, given, corpus.authors, shares))
    return rows


def features_of(
    corpus: Corpus,
    recipe: AuthorshipRecipe,
    options: CharacterOptions,
    calibration: Calibration,
    threshold: float,
) -> AuthorshipFeatures:
    return AuthorshipFeatures(
        authors=corpus.authors,
        threshold=threshold,
        min_characters=recipe.min_characters,
        max_characters=options.max_characters,
        chunk_length=options.chunk_length,
        alphabet=options.alphabet,
        kept_words=options.kept_words,
        masked_words=options.masked_words,
        calibration=calibration,
    )
