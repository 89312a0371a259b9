"""`unroll serve` of a folder that holds one model: what is imported, and what is told instead."""

import io
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from app.cli.storage import repository_of
from app.settings import load_settings
from app.telemetry import log
from tests import fresh
from tests.api.streams.crash import running
from tests.doubles import write_version
from tests.streams import recurrent

Told = Callable[[], list[dict[str, Any]]]


@pytest.fixture(name="told")
def lines_of_the_log() -> Iterator[Told]:
    stream = io.StringIO()
    log.configure("json", "INFO", stream)

    def lines() -> list[dict[str, Any]]:
        log.flush()
        found = [json.loads(line) for line in stream.getvalue().splitlines()]
        return [each for each in found if each["event"].startswith("storage")]

    yield lines
    log.configure("json", "WARNING", io.StringIO())


@pytest.fixture(name="storage")
def folder_with_a_graph(tmp_path: Path) -> Path:
    folder = tmp_path / "storage"
    folder.mkdir()
    (folder / "model.onnx").write_bytes(recurrent())
    return folder


@pytest.mark.slow
def test_a_graph_is_served_under_the_name(storage: Path) -> None:
    with running(storage, 1, {"UNROLL_MODEL_NAME": "mine"}) as (process,):
        url = f"http://127.0.0.1:{process.port}/v2/models/mine"
        metadata = fresh.get(url, timeout=60).json()
        assert (metadata["name"], metadata["versions"]) == ("mine", ["1"])
        values = {"name": "values", "datatype": "FP32", "shape": [1, 2, 1], "data": [0.5, 1]}
        answer = fresh.post(f"{url}/infer", json={"inputs": [values]}, timeout=60).json()
        assert answer["outputs"][0]["shape"] == [1, 2, 1]
    assert [each.name for each in storage.iterdir()] == ["model.onnx"], "it is only read"


def test_what_is_imported_ends_with_the_service(storage: Path, told: Told) -> None:
    with repository_of(load_settings(models_dir=storage, model_name="mine")) as models:
        assert {each.name for each in (models / "mine" / "1").iterdir()} >= {"manifest.json"}
    assert not models.exists()
    (line,) = told()
    assert (line["event"], line["graph"]) == ("storage_imported", "model.onnx")


def test_without_a_name_it_is_told_what_to_do(storage: Path, told: Told) -> None:
    with repository_of(load_settings(models_dir=storage)) as models:
        assert models == storage
    (line,) = told()
    assert (line["event"], line["level"]) == ("storage_is_no_repository", "error")
    assert line["found"] == "model.onnx"
    assert "UNROLL_MODEL_NAME" in line["fix"]
    assert "unroll import" in line["fix"]


def test_without_onnx_it_is_told_what_to_install(
    storage: Path, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [each for each in sys.modules if each.startswith("app.training.importing")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "onnx", None)
    with repository_of(load_settings(models_dir=storage, model_name="mine")) as models:
        assert list(models.iterdir()) == []
    (line,) = told()
    assert (line["event"], line["level"]) == ("storage_not_imported", "error")
    assert line["reason"] == "onnx is not installed"
    assert "unroll[onnx]" in line["fix"]
    assert "unroll import model.onnx --name mine" in line["fix"]


def test_what_cannot_be_imported_is_told(storage: Path, told: Told) -> None:
    (storage / "model.onnx").write_bytes(b"no graph")
    (storage / "1").mkdir()
    settings = load_settings(models_dir=storage, model_name="mine")
    with repository_of(settings) as models:
        assert list(models.iterdir()) == []
    (storage / "other.onnx").write_bytes(recurrent())
    with repository_of(settings) as models:
        assert list(models.iterdir()) == []
    garbage, several = told()
    assert {each["event"] for each in (garbage, several)} == {"storage_not_imported"}
    assert "model.onnx" in garbage["reason"]
    assert several["reason"] == "there are several graphs: model.onnx, other.onnx"


def test_a_version_keeps_its_own_name(tmp_path: Path, told: Told) -> None:
    write_version(tmp_path, version="3")
    storage = tmp_path / "mean" / "3"
    with repository_of(load_settings(models_dir=storage, model_name="mine")) as models:
        assert (models / "mean" / "3").resolve() == storage
    (line,) = told()
    assert (line["event"], line["versions"]) == ("storage_linked", ["mean 3"])


def test_a_repository_is_served_as_it_is(tmp_path: Path, told: Told) -> None:
    write_version(tmp_path)
    with repository_of(load_settings(models_dir=tmp_path, model_name="mine")) as models:
        assert models == tmp_path
    assert told() == []
