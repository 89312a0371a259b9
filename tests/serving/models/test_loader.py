"""A version with anything wrong is refused with a text that says what; a good one answers."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import pytest
from prometheus_client import REGISTRY
from pydantic import JsonValue

from app.errors import ModelRefused
from app.serving.models.loader import ServingOptions, load_version
from app.serving.models.manifest import Golden, Manifest
from app.serving.runtime.session import Session
from tests.doubles import (
    GOLDEN,
    TASKS,
    MeanExample,
    MeanPrediction,
    MeanTask,
    mean_graph,
    write_version,
)

ANY_DIGEST = {"sha256": "0" * 64, "bytes": 1}


def loads(status: str, model: str = "mean") -> float:
    labels = {"model": model, "status": status}
    return REGISTRY.get_sample_value("unroll_model_loads_total", labels) or 0.0


def refusal(folder: Path, tasks: Mapping[str, Any] = TASKS) -> str:
    before = loads("refused")
    with pytest.raises(ModelRefused) as caught:
        load_version(folder, tasks)
    assert loads("refused") == before + 1
    return caught.value.message


def edit_manifest(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = folder / "manifest.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(json.dumps(content), encoding="utf-8")


def test_a_good_version_answers_and_shows_in_the_metrics(tmp_path: Path) -> None:
    before = loads("loaded")
    model = load_version(write_version(tmp_path), TASKS, ServingOptions(workers=2))
    sessions = {"model": "mean", "version": "1", "provider": "CPUExecutionProvider"}
    assert REGISTRY.get_sample_value("unroll_sessions", sessions) == 1, "shared"
    assert loads("loaded") == before + 1

    examples = [model.task.encode(values=values) for values in ([1.0, 2.0], [5.0], [0.0] * 9)]
    futures = model.scheduler.submit_many(examples)
    assert [future.result(60).prediction.mean for future in futures] == [1.5, 5.0, 0.0]

    assert model.close(timeout=60)
    assert model.close(timeout=60)
    assert REGISTRY.get_sample_value("unroll_sessions", sessions) is None


def test_a_flipped_bit_is_refused(tmp_path: Path) -> None:
    folder = write_version(tmp_path)
    content = bytearray((folder / "model.onnx").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "model.onnx").write_bytes(content)
    assert refusal(folder) == "model.onnx is not what the manifest says: its sha256 differs"


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    folder = write_version(tmp_path)
    (folder / "README.md").unlink()
    assert refusal(folder) == "README.md is missing"


def test_a_folder_in_place_of_a_file_is_refused(tmp_path: Path) -> None:
    folder = write_version(tmp_path)
    (folder / "README.md").unlink()
    (folder / "README.md").mkdir()
    assert "README.md cannot be read" in refusal(folder)


def test_a_file_of_another_size_is_refused(tmp_path: Path) -> None:
    folder = write_version(tmp_path)
    with (folder / "README.md").open("a", encoding="utf-8") as file:
        file.write("more")
    assert refusal(folder) == "README.md has 26 bytes, the manifest says 22"


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda content: content.pop("network"), "network: Field required"),
        (lambda content: content.update(surprise=1), "surprise: Extra inputs"),
        (lambda content: content.update(version="two"), "version: String should match"),
        (lambda content: content.update(version="01"), "version: String should match"),
        (lambda content: content.update(name="../up"), "name: String should match"),
        (
            lambda content: content.update(golden=content["golden"][:1]),
            "golden: Tuple should have",
        ),
        (lambda content: content.update(golden=[]), "golden: Tuple should have"),
        (
            lambda content: content["files"].update({"../x": ANY_DIGEST}),
            "files.../x",
        ),
        (
            lambda content: content["files"].update({"manifest.json": ANY_DIGEST}),
            "cannot list itself",
        ),
    ],
)
def test_a_manifest_with_a_wrong_field_is_refused(
    tmp_path: Path, change: Callable[[dict[str, Any]], object], text: str
) -> None:
    folder = write_version(tmp_path)
    edit_manifest(folder, change)
    message = refusal(folder)
    assert message.startswith("manifest.json is not valid: ")
    assert text in message


def test_a_manifest_that_is_no_json_or_not_there_is_refused(tmp_path: Path) -> None:
    folder = write_version(tmp_path)
    (folder / "manifest.json").write_text("{", encoding="utf-8")
    assert refusal(folder).startswith("manifest.json is not valid: Invalid JSON")
    (folder / "manifest.json").unlink()
    assert refusal(folder) == "there is no manifest.json"
    (folder / "manifest.json").mkdir()
    assert refusal(folder).startswith("manifest.json cannot be read")


def test_an_unknown_task_is_refused(tmp_path: Path) -> None:
    folder = write_version(tmp_path)
    assert refusal(folder, {}) == "there is no task 'mean'; known tasks: none"


def test_another_name_or_version_than_expected_is_refused(tmp_path: Path) -> None:
    folder = write_version(tmp_path)
    with pytest.raises(ModelRefused, match="is that of mean version 1"):
        load_version(folder, TASKS, expected=("mean", "2"))


def test_a_graph_that_is_no_graph_is_refused(tmp_path: Path) -> None:
    message = refusal(write_version(tmp_path, graph=b"not a graph"))
    assert message.startswith("model.onnx: the graph cannot be loaded: ")


def test_other_answers_than_the_golden_ones_are_refused(tmp_path: Path) -> None:
    message = refusal(write_version(tmp_path, graph=mean_graph(bias=0.1)))
    assert message.startswith("golden[0]: mean: expected 3.0, got 3.09")


def test_a_graph_whose_answers_depend_on_batch_mates_is_refused(tmp_path: Path) -> None:
    message = refusal(write_version(tmp_path, graph=mean_graph(batch_dependent=True)))
    assert message.startswith(
        "golden[0]: the answer depends on its batch-mates: mean: expected 3.0, got 0.4"
    )


@pytest.mark.parametrize("request_", [{"values": []}, {"unknown": 1}])
def test_a_golden_request_that_the_task_refuses_is_refused(
    tmp_path: Path, request_: dict[str, JsonValue]
) -> None:
    golden = (*GOLDEN, Golden(request=request_, answer={"mean": 0.0}))
    folder = write_version(tmp_path, changes={"golden": golden})
    assert refusal(folder).startswith("golden[3]: the request was refused: ")


class Unlisted(MeanTask):
    @classmethod
    def load(cls, folder: Path, manifest: Manifest, open_session: Callable[[str], Session]) -> Self:
        return cls(open_session("other.onnx"))


class Crashing(MeanTask):
    @classmethod
    def load(cls, folder: Path, manifest: Manifest, open_session: Callable[[str], Session]) -> Self:
        raise KeyError("labels")


class Silent(MeanTask):
    def predict(self, examples: Sequence[MeanExample]) -> list[MeanPrediction]:
        return []


class Infinite(MeanTask):
    def predict(self, examples: Sequence[MeanExample]) -> list[MeanPrediction]:
        return [MeanPrediction(float("inf")) for _ in examples]


class Failing(MeanTask):
    def predict(self, examples: Sequence[MeanExample]) -> list[MeanPrediction]:
        raise RuntimeError("no\nsuch node")


@pytest.mark.parametrize(
    ("task", "text"),
    [
        (Unlisted, "the task asks for other.onnx, which the manifest does not list"),
        (Crashing, "loading failed: KeyError: 'labels'"),
        (Silent, "0 answers to 1 golden examples"),
        (Infinite, "an answer cannot be written as JSON"),
        (Failing, "the golden examples cannot be computed: RuntimeError: no"),
    ],
)
def test_a_task_that_cannot_use_the_version_refuses_it(
    tmp_path: Path, task: type[MeanTask], text: str
) -> None:
    assert refusal(write_version(tmp_path), {"mean": task}).startswith(text)
