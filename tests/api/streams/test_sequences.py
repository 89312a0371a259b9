"""Sequences of the Open Inference Protocol, asked by the real tritonclient, are streams."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.main import TASKS
from tests.api.service import Service, running, until
from tests.api.streams.test_streams import VALUES, whole
from tests.api.v2.triton import Refused, check, client, inputs, post
from tests.streams import write_stream_version


def tensor(values: list[float]) -> dict[str, Any]:
    return {"values": np.array(values, np.float32).reshape(1, -1, 1)}


def infer(
    service: Service, values: list[float], *, binary: bool = True, **options: Any
) -> list[float]:
    with client(service) as triton:
        answer = triton.infer("lstm", inputs(tensor(values), binary=binary), **options)
        assert {each["name"] for each in answer.get_response()["outputs"]} == {"output"}
        found: list[float] = answer.as_numpy("output").ravel().tolist()
        return found


@pytest.mark.parametrize("identity", [7, 2**53 + 1, 2**64 - 1, "pump.7-a_b"])
@pytest.mark.parametrize("binary", [True, False])
def test_a_sequence_is_answered_as_the_whole(
    service: Service, identity: int | str, binary: bool
) -> None:
    found = infer(service, VALUES[:1], sequence_id=identity, sequence_start=True, binary=binary)
    found += infer(service, VALUES[1:4], sequence_id=identity, binary=binary)
    stream = service.http.get(f"/streams/lstm.{identity}").json()
    assert (stream["position"], stream["model"]) == (4, "lstm")
    found += infer(service, VALUES[4:], sequence_id=identity, sequence_end=True, binary=binary)
    assert found == whole(service, "lstm", VALUES)
    assert service.http.get(f"/streams/lstm.{identity}").status_code == 404


def test_neighbours_beyond_what_a_double_can_tell_apart(service: Service) -> None:
    """2^53 and the number after it are one and the same to whoever reads them as doubles."""
    for identity in (2**53, 2**53 + 1):
        infer(service, [1.0], sequence_id=identity, sequence_start=True)
    infer(service, [1.0], sequence_id=2**53)
    assert service.http.get(f"/streams/lstm.{2**53}").json()["position"] == 2
    assert service.http.get(f"/streams/lstm.{2**53 + 1}").json()["position"] == 1
    for identity in (2**53, 2**53 + 1):
        infer(service, [1.0], sequence_id=identity, sequence_end=True)


def test_a_sequence_that_goes_on_is_not_started_again(service: Service) -> None:
    infer(service, VALUES[:2], sequence_id=21, sequence_start=True)
    with pytest.raises(Refused, match=r"\[409\] sequence 21 of lstm is going on, at 2 steps"):
        infer(service, VALUES[:2], sequence_id=21, sequence_start=True)
    assert service.http.get("/streams/lstm.21").json()["position"] == 2
    infer(service, VALUES[2:3], sequence_id=21, sequence_end=True)


def test_a_sequence_must_be_started(service: Service) -> None:
    with pytest.raises(Refused, match=r"\[404\] sequence 22 of lstm is not going on"):
        infer(service, VALUES[:1], sequence_id=22)
    infer(service, VALUES[:1], sequence_id=22, sequence_start=True, sequence_end=True)
    with pytest.raises(Refused, match=r"\[404\]"):
        infer(service, VALUES[:1], sequence_id=22)


def test_a_first_request_that_is_wrong_begins_nothing(service: Service) -> None:
    parameters = {"sequence_id": 23, "sequence_start": True}
    wrong = {"name": "values", "datatype": "FP32", "shape": [2, 1, 1], "data": [1, 2]}
    response = post(service, {"inputs": [wrong], "parameters": parameters}, "lstm")
    check(response, 422, "2 rows")
    infer(service, VALUES[:1], sequence_id=23, sequence_start=True, sequence_end=True)


@pytest.mark.parametrize("identity", [-1, 2**64, 1.5, True, "a b", "a" * 64, ["a"]])
def test_what_is_no_name_of_a_sequence(service: Service, identity: Any) -> None:
    body = {
        "inputs": [{"name": "values", "datatype": "FP32", "shape": [1, 1, 1], "data": [1]}],
        "parameters": {"sequence_id": identity, "sequence_start": True},
    }
    check(post(service, body, "lstm"), 422, "names no sequence", "allowed")


def test_without_an_id_there_is_no_sequence(service: Service) -> None:
    with client(service) as triton:
        for identity in (0, ""):
            feeds = inputs(tensor(VALUES))
            answer = triton.infer("lstm", feeds, sequence_id=identity)
            assert answer.as_numpy("output").ravel().tolist() == whole(service, "lstm", VALUES)


def test_lengths_may_be_sent(service: Service) -> None:
    options = {"sequence_id": 24, "sequence_start": True, "sequence_end": True}
    with client(service) as triton:
        feeds = inputs(tensor(VALUES) | {"lengths": np.array([len(VALUES)])})
        answer = triton.infer("lstm", feeds, **options)
        assert answer.as_numpy("output").ravel().tolist() == whole(service, "lstm", VALUES)
        with pytest.raises(Refused, match="size of the time axis"):
            triton.infer("lstm", inputs(tensor(VALUES) | {"lengths": np.array([2])}), **options)


def test_states_can_be_asked_for(service: Service) -> None:
    body = {
        "inputs": [{"name": "values", "datatype": "FP32", "shape": [1, 1, 1], "data": [1]}],
        "outputs": [{"name": "next_h"}],
        "parameters": {"sequence_id": 25, "sequence_start": True, "sequence_end": True},
    }
    [output] = post(service, body, "lstm").json()["outputs"]
    assert (output["name"], output["shape"]) == ("next_h", [1, 1, 4])


def test_a_setting_chooses_to_start_again(tmp_path: Path) -> None:
    write_stream_version(tmp_path)
    settings: dict[str, Any] = {"streams_url": "memory://", "sequence_restart": True}
    with running(tmp_path, tasks=TASKS, **settings) as service:
        first = infer(service, VALUES[:2], sequence_id=1, sequence_start=True)
        assert infer(service, VALUES[:2], sequence_id=1, sequence_start=True) == first
        assert service.http.get("/streams/lstm.1").json()["position"] == 2


def test_a_sequence_expires(tmp_path: Path) -> None:
    write_stream_version(tmp_path)
    settings: dict[str, Any] = {"streams_url": "memory://", "stream_ttl_seconds": 0.2}
    with running(tmp_path, tasks=TASKS, **settings) as service:
        infer(service, VALUES[:2], sequence_id=1, sequence_start=True)
        until(lambda: service.http.get("/streams/lstm.1").status_code == 404)
        with pytest.raises(Refused, match=r"\[404\] sequence 1 of lstm has expired"):
            infer(service, VALUES[:2], sequence_id=1)
