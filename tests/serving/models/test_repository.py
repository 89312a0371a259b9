"""Which version serves: the highest good one or the pinned one, and nothing half published."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.errors import ModelNotFound, NotReady
from app.serving.models.repository import Repository
from tests.doubles import TASKS, MeanTask, mean_graph, write_version


@contextmanager
def loaded(root: Path, pins: Mapping[str, str] | None = None) -> Iterator[Repository]:
    repository = Repository(root, TASKS, pinned_versions=pins)
    repository.load_all()
    try:
        yield repository
    finally:
        assert repository.close(timeout=60)


def test_the_highest_version_by_number_is_served(tmp_path: Path) -> None:
    for version in ("2", "10", "9"):
        write_version(tmp_path, version=version)
    with loaded(tmp_path) as repository:
        assert repository.status == "ready"
        assert repository.get("mean").version == "10"
        assert repository.get("mean", "10", "mean") is repository.get("mean")
        assert [model.version for model in repository.loaded()] == ["10"]
        assert repository.refused() == []


def test_loading_is_throttled_once_requests_are_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[None] = []
    monkeypatch.setattr(
        "app.serving.models.changes.half_duty_cycle", lambda: lambda: pauses.append(None)
    )
    write_version(tmp_path, name="first")
    write_version(tmp_path, name="second")
    with loaded(tmp_path) as repository:
        assert len(repository.loaded()) == 2
        assert not pauses, "no request is answered before all are loaded"
        write_version(tmp_path, name="third")
        repository.refresh()
        assert len(repository.loaded()) == 3
        assert pauses


def test_a_pin_is_obeyed(tmp_path: Path) -> None:
    for version in ("1", "2"):
        write_version(tmp_path, version=version)
    with loaded(tmp_path, {"mean": "1"}) as repository:
        assert repository.get("mean").version == "1"


def test_a_refusal_does_not_say_where_the_repository_lies(tmp_path: Path) -> None:
    """Clients read it; ONNX Runtime names the whole path of a graph that it cannot read."""
    write_version(tmp_path, graph=b"no graph")
    (write_version(tmp_path, version="2") / "manifest.json").unlink()
    with loaded(tmp_path) as repository:
        assert len(repository.refused()) == 2
        for refusal in repository.refused():
            assert str(tmp_path) not in refusal.reason
        assert "model.onnx" in repository.refused()[1].reason


@pytest.mark.parametrize("damage", ["byte", "missing", "manifest", "golden", "batch", "renamed"])
def test_when_the_highest_is_refused_the_next_lower_serves(tmp_path: Path, damage: str) -> None:
    write_version(tmp_path, version="1")
    graph = {"golden": mean_graph(bias=1.0), "batch": mean_graph(batch_dependent=True)}
    version = "7" if damage == "renamed" else "2"
    folder = write_version(tmp_path, version=version, graph=graph.get(damage))
    match damage:
        case "byte":
            content = (folder / "model.onnx").read_bytes()
            (folder / "model.onnx").write_bytes(bytes([content[0] ^ 1]) + content[1:])
        case "missing":
            (folder / "model.onnx").unlink()
        case "manifest":
            (folder / "manifest.json").write_text("[]", encoding="utf-8")
        case "renamed":
            folder.rename(tmp_path / "mean" / "2")
    with loaded(tmp_path) as repository:
        assert repository.get("mean").version == "1"
        [refusal] = repository.refused()
        assert (refusal.name, refusal.version) == ("mean", "2")
        assert refusal.reason
        model = repository.get("mean")
        future = model.scheduler.submit(model.task.encode(values=[1.0, 3.0]))
        assert future.result(60).prediction.mean == 2.0


def test_a_pinned_version_that_is_refused_has_no_stand_in(tmp_path: Path) -> None:
    write_version(tmp_path, version="1")
    with loaded(tmp_path, {"mean": "3", "ghost": "1"}) as repository:
        assert repository.status == "no_models"
        with pytest.raises(NotReady, match="no model is served"):
            repository.get("mean")
        assert [refusal.name for refusal in repository.refused()] == ["ghost", "mean"]
        assert "not in the repository" in repository.refused()[0].reason


def test_what_is_no_published_version_is_ignored(tmp_path: Path) -> None:
    write_version(tmp_path, name="mean", version="1")
    for stray in (".tmp-5f3a", "mean/.tmp-77", "mean/latest", "mean/02", "Notes"):
        (tmp_path / stray).mkdir()
    (tmp_path / "README").touch()
    (tmp_path / "mean" / "3").touch()
    with loaded(tmp_path) as repository:
        assert [model.version for model in repository.loaded()] == ["1"]
        assert repository.refused() == []


def test_what_is_not_there_is_named_with_what_is(tmp_path: Path) -> None:
    write_version(tmp_path, name="a")
    write_version(tmp_path, name="b")
    with loaded(tmp_path) as repository:
        with pytest.raises(ModelNotFound, match="there is no model 'c'; served: a, b"):
            repository.get("c")
        with pytest.raises(ModelNotFound, match="no forecast model 'a'; served: none"):
            repository.get("a", None, "forecast")
        with pytest.raises(ModelNotFound, match="'9' of model 'a' is not served; served: 1"):
            repository.get("a", "9")


def test_nothing_is_handed_out_before_loading_or_after_closing(tmp_path: Path) -> None:
    write_version(tmp_path)
    repository = Repository(tmp_path, TASKS)
    seen = [repository.status]
    with pytest.raises(NotReady, match="being loaded"):
        repository.get("mean")
    repository.load_all()
    model = repository.get("mean")
    seen.append(repository.status)
    assert repository.close(timeout=60)
    seen.append(repository.status)
    assert seen == ["loading", "ready", "draining"]
    with pytest.raises(NotReady, match="shutting down"):
        repository.get("mean")
    with pytest.raises(NotReady):
        model.scheduler.submit(model.task.encode(values=[1.0]))
    assert repository.close(timeout=60)


def test_closing_while_loading_leaves_nothing_running(tmp_path: Path) -> None:
    write_version(tmp_path)

    class Closes(MeanTask):
        def __init__(self, *args: object) -> None:
            super().__init__(*args)  # type: ignore[arg-type]
            repository.close()

    repository = Repository(tmp_path, {"mean": Closes})
    repository.load_all()
    assert repository.status == "draining"
    assert repository.loaded() == []
    assert [each for each in threading.enumerate() if each.name.startswith("mean-")] == []


def test_an_absent_folder_is_an_empty_repository(tmp_path: Path) -> None:
    with loaded(tmp_path / "nowhere") as repository:
        assert repository.status == "no_models"
        assert repository.loaded() == []
