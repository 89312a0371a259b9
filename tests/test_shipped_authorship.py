"""The authorship versions that ship: small, quick to check, and as good as their pages say."""

import os
from pathlib import Path
from typing import Any

import pytest

from app.errors import InvalidInput
from app.serving.models.manifest import Manifest, read_manifest
from app.serving.runtime.session import Session
from app.tasks.authorship import AuthorshipFeatures, AuthorshipTask
from app.training.authorship.card import rows_markdown
from app.training.authorship.data import COURSE_UNKNOWN, read_corpus
from app.training.authorship.evaluate import evaluate_authorship
from tests.shipped import shipped_folder

ROOT = Path(__file__).resolve().parent.parent
NAMES = ("authorship", "authorship-reuters")
DATA = Path(os.environ.get("UNROLL_DATA", ROOT.parent / "shared" / "data"))
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="UNROLL_DATA names no folder of data")


def shipped(name: str) -> tuple[Path, Manifest, AuthorshipTask]:
    folder = shipped_folder(name)
    manifest = read_manifest(folder)
    return folder, manifest, AuthorshipTask.load(folder, manifest, lambda f: Session(folder / f))


@pytest.mark.parametrize("name", NAMES)
def test_a_graph_is_small(name: str) -> None:
    folder, _, _ = shipped(name)
    assert (folder / "model.onnx").stat().st_size <= 25e6


@pytest.mark.parametrize("name", NAMES)
def test_the_figures_in_the_docs_are_those_of_the_manifest(name: str) -> None:
    _, manifest, _ = shipped(name)
    page = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")
    rows: Any = manifest.evaluation
    assert rows_markdown(rows["held_out"]) in page
    if "rows" in rows:
        assert rows_markdown(rows["rows"]) in page


@pytest.mark.parametrize("name", NAMES)
def test_thin_evidence_abstains_and_nothing_is_refused(name: str) -> None:
    _, manifest, task = shipped(name)
    features = AuthorshipFeatures.model_validate(manifest.features)
    short = "The people of this country were left to think about it, and so they did."
    [answer] = task.predict([task.encode(short)])
    assert answer.abstained is (answer.score < features.threshold)
    assert answer.abstained is True
    with pytest.raises(InvalidInput, match="empty"):
        task.encode(" ")


@pytest.mark.parametrize("name", NAMES)
def test_no_author_is_among_the_words_that_are_left(name: str) -> None:
    _, manifest, _ = shipped(name)
    features = AuthorshipFeatures.model_validate(manifest.features)
    assert not set(features.masked_words) & set(features.kept_words or ())
    assert features.masked_words


@needs_data
def test_the_disputed_papers_are_madisons_and_the_five_are_told_apart(shipped_models: Path) -> None:
    data = DATA / "federalist"
    rows, joint = evaluate_authorship(shipped_models, "authorship", data, baselines=False)
    right = {row.texts: (row.right, row.count) for row in rows}
    assert right["disputed"][0] >= 11
    assert right["disputed"][1] == 12
    assert right["not learned"] == (5, 5)
    assert len(joint) == 3


@needs_data
def test_what_was_kept_back_was_not_learned() -> None:
    _, manifest, _ = shipped("authorship")
    learned: Any = manifest.training["learned"]
    corpus = read_corpus(DATA / "federalist")
    assert len(learned) == len(corpus.documents) - len(COURSE_UNKNOWN)
    for one in corpus.others["disputed"] + corpus.others["joint"]:
        assert one.fingerprint not in learned
    for one in corpus.documents:
        assert (one.fingerprint in learned) != one.kept_back


@needs_data
def test_reuters_has_nothing_left_to_be_scored_on(shipped_models: Path) -> None:
    with pytest.raises(ValueError, match="has learned every text"):
        evaluate_authorship(shipped_models, "authorship-reuters", DATA / "reuters_c50")
