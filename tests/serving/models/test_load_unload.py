"""Loading and unloading on demand: what is pinned, what stays away, what changes nothing."""

import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.errors import ModelNotFound, ModelRefused, NotReady
from app.serving.models.repository import Repository
from tests.doubles import MeanTask, write_biased
from tests.serving.models.life import PATIENCE, ask, metric, serving, states


class TestLoad:
    def test_the_highest_on_the_disk(self, tmp_path: Path) -> None:
        write_biased(tmp_path, "1", 10.0)
        with serving(tmp_path) as repository:
            same = repository.get("mean")
            assert repository.load("mean") is same, "its files are what they were"
            write_biased(tmp_path, "10", 20.0)
            write_biased(tmp_path, "9", 20.0)
            assert repository.load("mean").version == "10"
            assert repository.get("mean").version == "10"

    def test_a_version_is_kept_until_another_load(self, tmp_path: Path) -> None:
        write_biased(tmp_path, "1", 10.0)
        write_biased(tmp_path, "2", 20.0)
        with serving(tmp_path) as repository:
            assert ask(repository.load("mean", "1"), [1.0]) == 11.0
            write_biased(tmp_path, "3", 30.0)
            repository.refresh()
            assert repository.get("mean").version == "1"
            assert states(repository)["3"] == ("UNAVAILABLE", "version 1 is pinned")
            assert ask(repository.load("mean"), [1.0]) == 31.0
            write_biased(tmp_path, "4", 40.0)
            repository.refresh()
            assert repository.get("mean").version == "4"

    def test_the_version_that_serves_is_only_kept(self, tmp_path: Path) -> None:
        write_biased(tmp_path, "1", 10.0)
        with serving(tmp_path) as repository:
            same = repository.get("mean")
            assert repository.load("mean", "1") is same
            write_biased(tmp_path, "2", 20.0)
            repository.refresh()
            assert repository.get("mean") is same

    def test_a_setting_pins_until_a_load(self, tmp_path: Path) -> None:
        write_biased(tmp_path, "1", 10.0)
        write_biased(tmp_path, "2", 20.0)
        with serving(tmp_path, {"mean": "1"}) as repository:
            repository.refresh()
            assert repository.get("mean").version == "1"
            assert repository.load("mean").version == "2"
            repository.refresh()
            assert repository.get("mean").version == "2"

    def test_a_pinned_version_that_arrives_late(self, tmp_path: Path) -> None:
        write_biased(tmp_path, "1", 10.0)
        write_biased(tmp_path, "3", 30.0)
        with serving(tmp_path, {"mean": "2"}) as repository:
            for _ in range(3):
                repository.refresh()
            assert states(repository)["2"][1] == "this pinned version is not in the repository"
            write_biased(tmp_path, "2", 20.0)
            repository.refresh()
            assert repository.get("mean").version == "2"
            assert repository.refused() == []

    def test_what_is_not_there(self, tmp_path: Path) -> None:
        write_biased(tmp_path, "1", 10.0)
        (tmp_path / "empty").mkdir()
        with serving(tmp_path) as repository:
            for name in ("ghost", "..", "", "../mean", "mean/1", "empty", "x" * 300, "\0"):
                with pytest.raises(ModelNotFound):
                    repository.load(name)
            for version in ("2", "", "..", "01", "one", "/etc"):
                with pytest.raises(ModelNotFound, match=r"is not in the repository; there: 1$"):
                    repository.load("mean", version)
            assert {state.name for state in repository.index()} == {"mean"}

    def test_a_refused_version_changes_nothing(self, tmp_path: Path) -> None:
        write_biased(tmp_path, "1", 10.0)
        with serving(tmp_path) as repository:
            same = repository.get("mean")
            (write_biased(tmp_path, "2", 20.0) / "model.onnx").unlink()
            for version in (None, "2"):
                with pytest.raises(ModelRefused, match=r"model\.onnx is missing"):
                    repository.load("mean", version)
            assert repository.get("mean") is same
            assert ask(same, [1.0]) == 11.0
            write_biased(tmp_path, "3", 30.0)
            repository.refresh()
            assert repository.get("mean").version == "3", "a pin that failed is none"

    def test_the_same_version_with_other_bytes(self, tmp_path: Path) -> None:
        folder = write_biased(tmp_path, "1", 10.0)
        with serving(tmp_path) as repository:
            shutil.rmtree(folder)
            write_biased(tmp_path, "1", 20.0)
            repository.refresh()
            assert ask(repository.get("mean"), [1.0]) == 11.0, "the watcher takes no second look"
            assert states(repository)["1"] == (
                "READY",
                "its folder holds another version of the files",
            )
            assert ask(repository.load("mean"), [1.0]) == 21.0
            assert states(repository)["1"] == ("READY", "")
            assert metric("unroll_model_info", task="mean", model="mean", version="1") == 1
            assert metric("unroll_workers", model="mean", version="1") == 1
            provider = "CPUExecutionProvider"
            assert metric("unroll_sessions", model="mean", version="1", provider=provider) == 1


class TestUnload:
    def test_it_stays_away_until_a_load(self, tmp_path: Path) -> None:
        write_biased(tmp_path, "1", 10.0)
        write_biased(tmp_path, "1", 10.0, name="other")
        with serving(tmp_path) as repository:
            repository.unload("mean")
            repository.unload("mean")
            write_biased(tmp_path, "2", 20.0)
            repository.refresh()
            with pytest.raises(ModelNotFound, match="served: other"):
                repository.get("mean")
            away = ("UNAVAILABLE", "the model is unloaded")
            assert states(repository) == {"1": away, "2": away}
            assert metric("unroll_model_info", task="mean", model="mean", version="1") is None
            assert repository.load("mean").version == "2"

    def test_the_last_one(self, tmp_path: Path) -> None:
        write_biased(tmp_path, "1", 10.0)
        with serving(tmp_path) as repository:
            repository.unload("mean")
            assert repository.status == "no_models"
            with pytest.raises(NotReady, match="no model is served"):
                repository.get("mean")

    def test_it_finishes_for_requests_that_hold_it(self, tmp_path: Path) -> None:
        write_biased(tmp_path, "1", 10.0)
        with serving(tmp_path) as repository, ThreadPoolExecutor(1) as other:
            held = repository.lease("mean")
            done = other.submit(repository.unload, "mean")
            while repository.loaded():
                pass
            assert states(repository)["1"][0] == "UNLOADING"
            assert ask(held, [1.0]) == 11.0
            assert not done.done()
            held.leases.give_back()
            done.result(PATIENCE)

    def test_what_is_not_there(self, tmp_path: Path) -> None:
        with serving(tmp_path) as repository, pytest.raises(ModelNotFound, match="'ghost'"):
            repository.unload("ghost")


@pytest.mark.parametrize("call", [Repository.load, Repository.unload])
def test_nothing_is_changed_after_closing(tmp_path: Path, call: object) -> None:
    write_biased(tmp_path, "1", 10.0)
    repository = Repository(tmp_path, {"mean": MeanTask})
    repository.load_all()
    repository.close(timeout=PATIENCE)
    write_biased(tmp_path, "2", 20.0)
    repository.refresh()
    assert callable(call)
    with pytest.raises(NotReady):
        call(repository, "mean")
    repository.watch(1000.0)
    assert [each for each in threading.enumerate() if each.name.startswith("mean-")] == []
