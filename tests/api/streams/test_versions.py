"""New versions under streams: pinned, replayed, refused; and memory that comes back."""

import os
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest

from app.main import TASKS
from tests.api.service import Service, running, until
from tests.api.streams.test_streams import VALUES, opened, stepped, whole
from tests.streams import write_stream_version

SWAPS: Final = int(os.environ.get("SWAPS", "3"))  # under load


@contextmanager
def two_versions(tmp_path: Path, **settings: Any) -> Iterator[tuple[Service, Any]]:
    """A service of version 1, and what has it serve version 2, which answers otherwise."""
    root = tmp_path / "models"
    write_stream_version(root, seed=1)
    options: dict[str, Any] = {"watch_seconds": 0, "streams_dir": tmp_path / "streams"} | settings
    with running(root, tasks=TASKS, **options) as service:

        def swap() -> None:
            write_stream_version(root, version="2", seed=2)
            service.app.services.repository.refresh()
            assert service.http.get("/models/lstm").json()["version"] == "2"

        yield service, swap


def values(answer: dict[str, Any]) -> list[float]:
    return [each["output"][0] for each in answer["steps"]]


def test_a_pinned_stream_stays_on_its_version_until_it_ends(tmp_path: Path) -> None:
    with two_versions(tmp_path) as (service, swap):
        expected = whole(service, "lstm", VALUES)
        opened(service, "old")
        stepped(service, "old", VALUES[:2])
        swap()
        answer = stepped(service, "old", VALUES[2:])
        assert answer["version"] == "1"
        assert values(answer) == expected[2:]
        assert opened(service, "new")["version"] == "2"
        assert values(stepped(service, "new", VALUES)) == whole(service, "lstm", VALUES)
        held = service.app.services.repository.held
        assert [each.version for each in held.all()] == ["1"]
        index = service.http.post("/v2/repository/index").json()
        assert "kept for streams" in next(
            each["reason"] for each in index if each["version"] == "1"
        )
        service.http.delete("/streams/old")
        until(lambda: not held.all(), 30)


def test_a_version_without_streams_is_let_go(tmp_path: Path) -> None:
    with two_versions(tmp_path) as (service, swap):
        swap()
        until(lambda: not service.app.services.repository.held.all(), 30)


def test_a_pinned_version_is_loaded_again_after_a_restart(tmp_path: Path) -> None:
    with two_versions(tmp_path) as (service, swap):
        expected = whole(service, "lstm", VALUES)
        opened(service, "old")
        stepped(service, "old", VALUES[:2])
        swap()
    root = tmp_path / "models"
    with running(root, tasks=TASKS, streams_dir=tmp_path / "streams") as service:
        assert service.http.get("/models/lstm").json()["version"] == "2"
        answer = stepped(service, "old", VALUES[2:], position=2)
        assert answer["version"] == "1"
        assert values(answer) == expected[2:]
    shutil.rmtree(root / "lstm" / "1")
    with running(root, tasks=TASKS, streams_dir=tmp_path / "streams") as service:
        response = service.http.post("/streams/old/steps", json={"values": [1]})
        assert response.status_code == 409
        assert response.json()["type"] == "urn:unroll:problem:version-replaced"
        # The answer that was given is given again all the same.
        body = {"values": VALUES[2:], "position": 2}
        response = service.http.post("/streams/old/steps", json=body)
        assert response.status_code == 200
        assert response.json() == answer | {"replayed": True}


@pytest.mark.parametrize("kept", [4096, 3])
def test_a_stream_is_replayed_on_a_new_version(tmp_path: Path, kept: int) -> None:
    with two_versions(tmp_path, max_replay_steps=kept) as (service, swap):
        opened(service, "moves", on_new_version="replay")
        for value in VALUES[:3]:
            old = stepped(service, "moves", [value])
        last = stepped(service, "moves", VALUES[3:5])
        swap()
        answer = stepped(service, "moves", VALUES[5:], position=5)
        assert answer["version"] == "2"
        begin = 0 if kept > 5 else 2
        expected = whole(service, "lstm", VALUES[begin:])
        assert values(answer) == expected[-1:]
        difference = max(
            abs(a - b) for a, b in zip(values(last), expected[3 - begin : 5 - begin], strict=True)
        )
        assert answer["moved"] == {
            "from": "1",
            "steps": 5 - begin,
            "complete": begin == 0,
            "difference": pytest.approx(difference),
        }
        assert "moved" not in stepped(service, "moves", [1.0])
        assert "moved" not in old
        assert service.http.get("/streams/moves").json()["version"] == "2"


def test_a_stream_that_refuses_waits_for_a_word(tmp_path: Path) -> None:
    with two_versions(tmp_path) as (service, swap):
        expected = whole(service, "lstm", VALUES)
        for name in ("to-replay", "to-pin"):
            opened(service, name, on_new_version="refuse")
            stepped(service, name, VALUES[:2])
        swap()
        for name in ("to-replay", "to-pin"):
            response = service.http.post(f"/streams/{name}/steps", json={"values": [1]})
            assert response.status_code == 409
            problem = response.json()
            assert problem["type"] == "urn:unroll:problem:version-replaced"
            assert "version 2 is served" in problem["detail"]
            body = {"model": "lstm", "on_new_version": name.removeprefix("to-")}
            assert service.http.put(f"/streams/{name}", json=body).status_code == 200
        assert values(stepped(service, "to-pin", VALUES[2:])) == expected[2:]
        answer = stepped(service, "to-replay", VALUES[2:])
        assert answer["moved"]["complete"]
        assert values(answer) == whole(service, "lstm", VALUES)[2:]


def test_a_stream_without_kept_inputs_is_not_moved(tmp_path: Path) -> None:
    with two_versions(tmp_path) as (service, swap):
        opened(service, "late")
        stepped(service, "late", VALUES[:2])
        swap()
        body = {"model": "lstm", "on_new_version": "replay"}
        service.http.put("/streams/late", json=body)
        response = service.http.post("/streams/late/steps", json={"values": [1]})
        assert response.status_code == 409
        assert "no inputs are kept" in response.json()["detail"]


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["pin", "replay", "refuse"])
def test_swaps_under_load_fail_no_request(tmp_path: Path, policy: str) -> None:
    """Every answer is that of the version it names, from the first step on."""
    clients = 3
    sent = [[0.1 * (step % 7) + client for step in range(15_000)] for client in range(clients)]
    with two_versions(tmp_path, request_timeout_seconds=60) as (service, _):
        root = tmp_path / "models"
        repository = service.app.services.repository
        answers: list[list[tuple[str, float]]] = [[] for _ in range(clients)]
        failures: list[str] = []
        over = threading.Event()

        def ask(client: int) -> None:
            name = f"load-{client}"

            def decide(to: str) -> None:
                body = {"model": "lstm", "on_new_version": to}
                response = service.http.put(f"/streams/{name}", json=body)
                assert response.status_code == 200

            opened(service, name, on_new_version=policy)
            while not over.is_set() and len(answers[client]) < len(sent[client]):
                at = len(answers[client])
                body = {"values": [sent[client][at]], "position": at}
                response = service.http.post(f"/streams/{name}/steps", json=body)
                if response.status_code == 409 and policy == "refuse":
                    assert response.json()["type"] == "urn:unroll:problem:version-replaced"
                    decide("replay")
                    response = service.http.post(f"/streams/{name}/steps", json=body)
                    decide("refuse")
                if response.status_code != 200:
                    failures.append(response.text)
                    return
                found = response.json()
                time.sleep(0.002)  # so that there are steps left for the last version
                answers[client].append((found["version"], found["steps"][0]["output"][0]))

        def reached(count: int) -> bool:
            return bool(failures) or all(len(each) >= count for each in answers)

        threads = [threading.Thread(target=ask, args=(each,)) for each in range(clients)]
        for thread in threads:
            thread.start()
        expected = {}
        for number in range(1, SWAPS + 2):
            enough = 10 * number
            until(partial(reached, enough), 120)
            version = str(number)
            for client in range(clients):
                expected[client, version] = whole(service, "lstm", sent[client])
            if number <= SWAPS:
                write_stream_version(root, version=str(number + 1), seed=number + 1)
                repository.refresh()
        over.set()
        for thread in threads:
            thread.join(60)
        assert not failures
        for client in range(clients):
            versions = {version for version, _ in answers[client]}
            assert len(versions) == (1 if policy == "pin" else SWAPS + 1)
            for at, (version, value) in enumerate(answers[client]):
                assert value == expected[client, version][at]
