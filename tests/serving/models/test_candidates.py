"""A candidate answers to its version alone until it is promoted, in every process."""

from pathlib import Path

import pytest

from app.errors import ModelNotFound, ModelRefused
from app.serving.models.folders import CANDIDATE, is_candidate, promoted_names
from app.serving.models.promotion import mark, promote
from app.serving.models.repository import Repository
from app.serving.models.wanted import WantedVersions
from tests.doubles import write_version
from tests.serving.models.life import ask, serving, states


def candidate(root: Path, version: str, name: str = "mean") -> Path:
    folder = write_version(root, name, version)
    mark(folder, name, version)
    return folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_version(tmp_path, "mean", "1")
    candidate(tmp_path, "2")
    return tmp_path


def served(repository: Repository) -> str:
    return repository.get("mean").version


def test_a_candidate_is_not_served_and_can_be_asked_by_its_version(root: Path) -> None:
    with serving(root) as repository:
        assert served(repository) == "1"
        assert [each.version for each in repository.candidates()] == ["2"]
        model = repository.lease("mean", "2")
        try:
            assert ask(model, [1.0, 3.0]) == 2.0
        finally:
            model.leases.give_back()
        assert states(repository)["2"][0] == "READY"
        assert "candidate" in states(repository)["2"][1]
        with pytest.raises(ModelNotFound, match=r"served: 1, candidate: 2"):
            repository.get("mean", "3")
        repository.refresh()
        assert served(repository) == "1"


def test_a_new_candidate_replaces_the_one_before_it(root: Path) -> None:
    with serving(root) as repository:
        candidate(root, "3")
        repository.refresh()
        assert served(repository) == "1"
        assert [each.version for each in repository.candidates()] == ["3"]
        assert states(repository)["2"] == (
            "UNAVAILABLE",
            "it is a candidate, and a newer one is loaded",
        )


def test_a_version_that_is_no_candidate_is_served_at_once(root: Path) -> None:
    with serving(root) as repository:
        write_version(root, "mean", "3")
        repository.refresh()
        assert served(repository) == "3"
        assert [each.version for each in repository.candidates()] == ["2"]


def test_a_promotion_on_the_disk_is_noticed_and_can_be_taken_back(root: Path) -> None:
    with serving(root) as repository:
        assert promote(root, "mean", "2") == []
        repository.refresh()
        assert served(repository) == "2"
        assert repository.candidates() == []
        assert promote(root, "mean", "1") == ["2"]
        assert is_candidate(root / "mean" / "2")
        repository.refresh()
        assert served(repository) == "1"
        assert [each.version for each in repository.candidates()] == ["2"]
        assert promote(root, "mean", "1") == []


def test_two_processes_agree(root: Path) -> None:
    with serving(root) as one, serving(root) as other:
        assert one.promote("mean", "2").version == "2"
        other.refresh()  # by the watcher, which sees the marks
        assert served(one) == served(other) == "2"
        assert (one.candidates(), other.candidates()) == ([], [])


def test_processes_that_share_what_is_wanted_follow_without_watching(
    root: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    wanted = WantedVersions(tmp_path_factory.mktemp("state"))
    with (
        serving(root, wanted=wanted) as one,
        serving(root, wanted=wanted) as other,
    ):
        one.promote("mean", "2")
        other.follow()
        assert (served(other), other.candidates()) == ("2", [])
        one.promote("mean", "1")
        other.follow()
        assert served(other) == "1"
        assert [each.version for each in other.candidates()] == ["2"]


def test_a_promotion_replaces_a_pin_of_a_load_but_not_of_a_setting(root: Path) -> None:
    with serving(root) as repository:
        repository.load("mean", "1")
        assert repository.candidates() == []
        repository.promote("mean", "2")
        repository.refresh()
        assert served(repository) == "2"
    with (
        serving(root, {"mean": "1"}) as repository,
        pytest.raises(ModelRefused, match="version 1 of mean is pinned"),
    ):
        repository.promote("mean", "2")


def test_a_candidate_that_fails_a_check_is_refused_and_not_promoted(root: Path) -> None:
    folder = candidate(root, "3")
    (folder / "model.onnx").write_bytes(b"no graph")
    with serving(root) as repository:
        assert served(repository) == "1"
        assert [each.version for each in repository.candidates()] == ["2"], "the next one is loaded"
        assert [each.version for each in repository.refused()] == ["3"]
        with pytest.raises(ModelRefused):
            repository.promote("mean", "3")
        assert served(repository) == "1"
        assert is_candidate(folder)


def test_nothing_is_served_where_all_are_candidates_until_one_is_promoted(tmp_path: Path) -> None:
    write_version(tmp_path, "other", "1")
    candidate(tmp_path, "1")
    with serving(tmp_path) as repository:
        assert [each.name for each in repository.loaded()] == ["other"]
        assert repository.get("mean", "1").version == "1"
        with pytest.raises(ModelNotFound):
            repository.get("mean")
        repository.promote("mean", "1")
        assert served(repository) == "1"


def test_a_candidate_that_is_gone_is_no_longer_answered(root: Path) -> None:
    with serving(root) as repository:
        (root / "mean" / "2").rename(root / ".gone")
        repository.refresh()
        assert repository.candidates() == []
        with pytest.raises(ModelNotFound):
            repository.get("mean", "2")


def test_unloading_a_model_closes_its_candidate(root: Path) -> None:
    write_version(root, "other", "1")
    with serving(root) as repository:
        repository.unload("mean")
        assert repository.candidates() == []
        repository.refresh()
        assert repository.candidates() == []
        with pytest.raises(ModelNotFound):
            repository.get("mean", "2")


def test_promoting_what_is_not_there(root: Path) -> None:
    with pytest.raises(ModelNotFound, match="there: 2, 1"):
        promote(root, "mean", "7")
    with pytest.raises(ModelNotFound, match="there: none"):
        promote(root, "absent", "1")
    with serving(root) as repository, pytest.raises(ModelNotFound):
        repository.promote("mean", "7")
    assert promoted_names(root / "mean") == ["1"]


def test_the_mark_says_what_to_do(root: Path) -> None:
    assert "unroll promote mean 2" in (root / "mean" / "2" / CANDIDATE).read_text()
