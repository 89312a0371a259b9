"""A new version replaces the old one without an effect on the requests in between."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self

import pytest

from app.errors import NotReady
from app.serving.models.loader import ServingOptions
from app.serving.models.manifest import Manifest
from app.serving.models.repository import Repository
from app.serving.runtime import memory
from app.serving.task import OpenSession
from tests.api.service import until
from tests.doubles import MeanExample, MeanPrediction, MeanTask, write_biased
from tests.serving.models.life import PATIENCE, ask, metric, serving, states

CLOSED = {"1": ("UNAVAILABLE", "version 2 is served")}


def test_a_new_version_is_served_and_the_old_one_closed(tmp_path: Path) -> None:
    write_biased(tmp_path, "1", 10.0)
    with serving(tmp_path) as repository:
        old = repository.get("mean")
        repository.refresh()
        assert repository.get("mean") is old, "nothing is new"
        write_biased(tmp_path, "2", 20.0)
        repository.refresh()
        assert repository.get("mean").version == "2"
        assert ask(repository.get("mean"), [1.0, 3.0]) == 22.0
        assert states(repository) == CLOSED | {"2": ("READY", "")}
        with pytest.raises(NotReady):
            ask(old, [1.0])
        assert metric("unroll_model_info", task="mean", model="mean", version="1") is None
        assert metric("unroll_model_info", task="mean", model="mean", version="2") == 1
        assert metric("unroll_workers", model="mean", version="1") is None
        assert metric("unroll_workers", model="mean", version="2") == 1


def test_a_new_model_is_taken_up(tmp_path: Path) -> None:
    with serving(tmp_path) as repository:
        seen = [repository.status]
        write_biased(tmp_path, "1", 10.0)
        repository.refresh()
        seen.append(repository.status)
        assert seen == ["no_models", "ready"]
        assert ask(repository.get("mean"), [1.0]) == 11.0


def test_a_lower_version_is_not_taken_up(tmp_path: Path) -> None:
    write_biased(tmp_path, "2", 20.0)
    with serving(tmp_path) as repository:
        write_biased(tmp_path, "1", 10.0)
        repository.refresh()
        assert repository.get("mean").version == "2"


def test_requests_that_hold_the_old_version_are_answered_by_it(tmp_path: Path) -> None:
    """Between looking a model up and handing it an input any number of swaps may happen."""
    write_biased(tmp_path, "1", 10.0)
    with serving(tmp_path) as repository, ThreadPoolExecutor(1) as other:
        held = repository.lease("mean")
        write_biased(tmp_path, "2", 20.0)
        swap = other.submit(repository.refresh)
        while repository.get("mean") is held:
            pass
        assert states(repository)["1"][0] == "UNLOADING"
        assert states(repository)["2"] == ("READY", "")
        assert ask(repository.get("mean"), [1.0]) == 21.0
        assert not held.leases.take(), "no other request gets the old one"
        assert repository.lease("mean").version == "2"
        assert (held.version, ask(held, [1.0])) == ("1", 11.0)
        repository.get("mean").leases.give_back()
        assert not swap.done()
        held.leases.give_back()
        swap.result(PATIENCE)
        assert states(repository)["1"] == CLOSED["1"]


class Held(MeanTask):
    """Waits before each batch, but those of the golden examples, until `free` is set."""

    free = threading.Event()
    started = threading.Event()

    def predict(self, examples: Sequence[MeanExample]) -> list[MeanPrediction]:
        if any(example.values[0] == 777.0 for example in examples):
            self.started.set()
            assert self.free.wait(PATIENCE)
        return super().predict(examples)


def test_what_the_old_version_has_accepted_is_finished(tmp_path: Path) -> None:
    write_biased(tmp_path, "1", 10.0)
    with serving(tmp_path, tasks={"mean": Held}) as repository, ThreadPoolExecutor(1) as other:
        old = repository.get("mean")
        futures = old.scheduler.submit_many([old.task.encode(values=[777.0])] * 20)
        assert Held.started.wait(PATIENCE)
        write_biased(tmp_path, "2", 20.0)
        swap = other.submit(repository.load, "mean")
        while repository.get("mean") is old:
            pass
        assert ask(repository.get("mean"), [1.0]) == 21.0
        assert not swap.done()
        Held.free.set()
        assert swap.result(PATIENCE).version == "2"
        assert [future.result(0).prediction.mean for future in futures] == [787.0] * 20


class Slow(MeanTask):
    """Loads version 2 when `free` is set."""

    free = threading.Event()
    started = threading.Event()

    @classmethod
    def load(cls, folder: Path, manifest: Manifest, open_session: OpenSession) -> Self:
        if manifest.version == "2":
            cls.started.set()
            assert cls.free.wait(PATIENCE)
        return super().load(folder, manifest, open_session)


def test_the_old_version_serves_while_the_new_one_loads(tmp_path: Path) -> None:
    write_biased(tmp_path, "1", 10.0)
    with serving(tmp_path, tasks={"mean": Slow}) as repository, ThreadPoolExecutor(1) as other:
        write_biased(tmp_path, "2", 20.0)
        swap = other.submit(repository.refresh)
        assert Slow.started.wait(PATIENCE)
        assert states(repository) == {
            "1": ("READY", ""),
            "2": ("LOADING", "it is being verified and warmed"),
        }
        assert ask(repository.get("mean"), [1.0]) == 11.0
        Slow.free.set()
        swap.result(PATIENCE)
        assert states(repository)["2"] == ("READY", "")


def test_a_lease_that_is_never_returned_delays_a_swap_only_so_long(tmp_path: Path) -> None:
    write_biased(tmp_path, "1", 10.0)
    options = ServingOptions(retire_seconds=0.05)
    repository = Repository(tmp_path, {"mean": MeanTask}, options=options)
    repository.load_all()
    repository.lease("mean")
    write_biased(tmp_path, "2", 20.0)
    repository.refresh()
    assert states(repository)["1"] == CLOSED["1"]
    assert repository.close(timeout=PATIENCE)


def test_closing_interrupts_the_wait_for_an_old_version(tmp_path: Path) -> None:
    write_biased(tmp_path, "1", 10.0)
    with serving(tmp_path) as repository, ThreadPoolExecutor(1) as other:
        held = repository.lease("mean")
        write_biased(tmp_path, "2", 20.0)
        swap = other.submit(repository.load, "mean")
        while repository.get("mean") is held:
            pass
        assert repository.close(timeout=PATIENCE)
        swap.result(PATIENCE)
        with pytest.raises(NotReady):
            ask(held, [1.0])
        with pytest.raises(NotReady):
            repository.lease("mean")


def test_publish_and_roll_back_many_times(tmp_path: Path) -> None:
    """Meanwhile others ask without a pause: every answer is that of the version it names."""
    write_biased(tmp_path, "1", 10.0)
    write_biased(tmp_path, "2", 20.0)
    enough = threading.Event()

    def client(repository: Repository) -> set[tuple[str, float]]:
        answers = set()
        while not enough.is_set():
            model = repository.lease("mean")
            try:
                answers.add((model.version, ask(model, [1.0, 3.0])))
            finally:
                model.leases.give_back()
        return answers

    with serving(tmp_path) as repository, ThreadPoolExecutor(3) as clients:
        asked = [clients.submit(client, repository) for _ in range(3)]
        try:
            for number in range(50):
                repository.load("mean", "1" if number % 2 else None)
                assert repository.get("mean").version == ("1" if number % 2 else "2")
        finally:
            enough.set()
        for each in asked:
            assert each.result(PATIENCE) <= {("1", 12.0), ("2", 22.0)}
        assert {answer for each in asked for answer in each.result()} == {("1", 12.0), ("2", 22.0)}


def test_counters_of_versions_long_gone_leave_the_page(tmp_path: Path) -> None:
    write_biased(tmp_path, "1", 1.0, name="many")
    with serving(tmp_path) as repository:
        for version in map(str, range(2, 12)):
            ask(repository.get("many"), [0.0])
            write_biased(tmp_path, version, 1.0, name="many")
            repository.refresh()
        kept = [
            v for v in range(1, 12) if metric("unroll_steps_total", model="many", version=str(v))
        ]
    assert kept == [3, 4, 5, 6, 7, 8, 9, 10]


def test_the_watcher_can_be_switched_off(tmp_path: Path) -> None:
    write_biased(tmp_path, "1", 10.0)
    with serving(tmp_path) as repository:
        write_biased(tmp_path, "2", 20.0)
        repository.watch(0.0)
        assert repository.get("mean").version == "1"
        watcher = threading.Thread(target=repository.watch, args=(0.001,))
        watcher.start()
        until(lambda: repository.get("mean").version == "2")
        repository.close(timeout=PATIENCE)
        watcher.join(PATIENCE)
        assert not watcher.is_alive()


def test_the_watcher_gives_memory_back_now_and_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_biased(tmp_path, "1", 10.0)
    with serving(tmp_path) as repository:
        trims: list[None] = []
        monkeypatch.setattr(memory, "trim", lambda: trims.append(None))
        watcher = threading.Thread(
            target=repository.watch, args=(0.001,), kwargs={"trim_seconds": 0.0}
        )
        watcher.start()
        until(lambda: len(trims) > 2)
        repository.close(timeout=PATIENCE)
        watcher.join(PATIENCE)
