"""Scores a published authorship model on texts that it never learned, beside baselines."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import JsonValue

from app.serving.models.manifest import read_manifest
from app.tasks.authorship import AuthorshipFeatures, AuthorshipTask
from app.training.authorship.baselines import BASELINES, cleaned
from app.training.authorship.card import authorship_card
from app.training.authorship.data import Corpus, Document, read_corpus
from app.training.authorship.scores import Row, score
from app.training.common.comparison import Score
from app.training.common.publish import amend, served_version
from app.training.common.served import loaded_model, predictions_of


def evaluate_authorship(
    repository: Path,
    name: str,
    data: Path,
    *,
    baselines: bool = True,
    encoding: str | None = None,
    version: str | None = None,
) -> tuple[list[Row], list[tuple[str, str, float]]]:
    """Rows of figures on texts of known authors, and (text, author, probability) of the others.

    Texts go through a loaded version: features, scheduler, graph, calibration. Those that the
    model learned, by the fingerprints in its manifest, are left out; baselines are trained on them.
    version: such as a candidate; else the served one.

    Raises:
        FileNotFoundError, ValueError: no model, no data, or nothing that was not learned.
        ModelNotFound: the version does not pass the checks of loading.
    """
    folder = repository / name / (version or served_version(repository / name))
    if not folder.is_dir():
        wanted = repr(name) if version is None else f"{name!r} {version}"
        raise FileNotFoundError(f"there is no model {wanted} in {repository}")
    corpus = read_corpus(data, encoding)
    learned: Any = read_manifest(folder).training.get("learned", [])
    known = [one for one in corpus.documents if one.fingerprint in set(learned)]
    parts = _unseen(corpus, set(learned))
    if not parts:
        raise ValueError(
            f"{name} has learned every text in {data}; its held-out figures are in its card"
        )
    rows: list[Row] = []
    guesses: list[tuple[str, str, float]] = []
    with loaded_model(repository, "authorship", AuthorshipTask, name, folder.name) as model:
        authors: tuple[str, ...] = AuthorshipFeatures.model_validate(
            model.manifest.features
        ).authors
        for texts, documents in parts.items():
            examples = [model.task.encode(one.text) for one in documents]
            answers = predictions_of(model, examples)
            guesses += [
                (f"{texts}: {one.name}", answer.author, answer.score)
                for one, answer in zip(documents, answers, strict=True)
                if not one.author
            ]
            pairs = [
                (one, answer)
                for one, answer in zip(documents, answers, strict=True)
                if one.author in authors
            ]
            if not pairs:
                continue
            truths = [authors.index(one.author) for one, _ in pairs]
            shares = np.array([list(answer.probabilities.values()) for _, answer in pairs])
            label = f"{name}/{model.version}"
            rows.append(score(label, texts, truths, shares.argmax(1).tolist(), authors, shares))
            if baselines and known:
                asked = [one for one, _ in pairs]
                rows += _baselines(texts, known, asked, truths, authors, corpus)
    return rows, guesses


def record_authorship(
    repository: Path, name: str, rows: Sequence[Row], version: str | None = None
) -> None:
    """Write an evaluation into the manifest and the card of a version, else of the served one."""
    folder = repository / name / (version or served_version(repository / name))
    manifest = read_manifest(folder)
    figures: list[JsonValue] = [row.to_json() for row in rows]
    evaluation = {**manifest.evaluation, "rows": figures}
    features = AuthorshipFeatures.model_validate(manifest.features)
    card = authorship_card(name, features, manifest.training, evaluation)
    amend(folder, evaluation=evaluation, card=card)


def _unseen(corpus: Corpus, learned: set[str]) -> dict[str, list[Document]]:
    parts = {
        "not learned": [one for one in corpus.documents if one.fingerprint not in learned],
        **{texts: list(documents) for texts, documents in corpus.others.items()},
    }
    return {
        texts: fresh
        for texts, documents in parts.items()
        if (fresh := [one for one in documents if one.fingerprint not in learned])
    }


def _baselines(
    texts: str,
    known: Sequence[Document],
    asked: Sequence[Document],
    truths: Sequence[int],
    authors: Sequence[str],
    corpus: Corpus,
) -> list[Row]:
    learned = cleaned([one.text for one in known], corpus.masked_words)
    questions = cleaned([one.text for one in asked], corpus.masked_words)
    labels = [list(authors).index(one.author) for one in known]
    return [
        score(method, texts, truths, answer(learned, labels, questions), authors)
        for method, answer in BASELINES.items()
    ]


def authorship_score(repository: Path, name: str, version: str, corpus_of: str) -> Score:
    """Accuracy of the held-out report of a version, if it was made on the texts of `corpus_of`.

    Raises:
        ModelRefused: a manifest cannot be read.
        ValueError: the two were trained on different texts.
    """
    manifests = [read_manifest(repository / name / each) for each in (version, corpus_of)]
    held_out: Any = [each.evaluation.get("held_out") for each in manifests]
    if manifests[0].training.get("data") != manifests[1].training.get("data") or not held_out[0]:
        raise ValueError(f"{name}/{version} and {name}/{corpus_of} learned from different texts")
    return Score("held-out accuracy", float(held_out[0][0]["accuracy"]), higher_is_better=True)
