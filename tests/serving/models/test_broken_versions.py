"""A new version with any error changes nothing of what is served, and is logged once.

Nothing here waits: `refresh` is what the watcher calls every few seconds.
"""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from app.errors import ModelRefused
from app.serving.models.manifest import Manifest, digest
from app.serving.models.repository import Repository
from app.serving.task import OpenSession
from tests.doubles import MeanTask, mean_graph, write_biased, write_version
from tests.serving.models.life import ask, events, metric, serving, states


def hungry_graph() -> bytes:
    """The mean, and on the way a tensor of 280 TB."""
    model = onnx.load_from_string(mean_graph())
    graph = model.graph
    graph.initializer.append(helper.make_tensor("huge", TensorProto.INT64, [1], [70 * 10**12]))
    graph.node.insert(0, helper.make_node("ConstantOfShape", ["huge"], ["much"]))
    graph.node.insert(1, helper.make_node("ReduceSum", ["much"], ["none"], keepdims=0))
    last = graph.node[-1]
    last.output[0] = "almost"
    graph.node.append(helper.make_node("Add", ["almost", "none"], ["mean"]))
    return bytes(model.SerializeToString())


def outside_graph(folder: Path) -> bytes:
    """The mean, with its constants in a file beside it."""
    model = onnx.load_from_string(mean_graph())
    for tensor in model.graph.initializer:
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor), tensor.name))
    onnx.save(
        model,
        folder / "model.onnx",
        save_as_external_data=True,
        location="weights",
        size_threshold=0,
    )
    return (folder / "model.onnx").read_bytes()


class OutOfMemory(MeanTask):
    @classmethod
    def load(cls, folder: Path, manifest: Manifest, open_session: OpenSession) -> Self:
        open_session("model.onnx")
        raise MemoryError


def flip(folder: Path) -> None:
    content = bytearray((folder / "model.onnx").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "model.onnx").write_bytes(content)


def edit(folder: Path, **fields: Any) -> None:
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | fields), encoding="utf-8")


def pipe(folder: Path) -> None:
    (folder / "README.md").unlink()
    os.mkfifo(folder / "README.md")


def dangling(folder: Path) -> None:
    (folder / "README.md").unlink()
    (folder / "README.md").symlink_to("gone")


def empty(folder: Path) -> None:
    for file in folder.iterdir():
        file.unlink()


def nested(folder: Path) -> None:
    (folder / "README.md").unlink()
    (folder / "README.md").mkdir()


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing file": (lambda f: (f / "README.md").unlink(), "README.md is missing"),
    "flipped bit": (flip, "model.onnx is not what the manifest says: its sha256 differs"),
    "short file": (lambda f: (f / "model.onnx").write_bytes(b"\x08"), "model.onnx has 1 bytes"),
    "no manifest": (lambda f: (f / "manifest.json").unlink(), "there is no manifest.json"),
    "half a manifest": (lambda f: (f / "manifest.json").write_text("{"), "Invalid JSON"),
    "wrong checksum": (
        lambda f: edit(f, files={"model.onnx": {"sha256": "0" * 64, "bytes": 1}}),
        "model.onnx has",
    ),
    "other name": (lambda f: edit(f, name="median"), "the manifest is that of median version 2"),
    "unknown task": (lambda f: edit(f, task="median"), "there is no task 'median'"),
    "a pipe": (pipe, "README.md cannot be read: it is no regular file"),
    "a link to nothing": (dangling, "README.md is missing"),
    "a folder for a file": (nested, "README.md"),
    "nothing in it": (empty, "there is no manifest.json"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_version(tmp_path: Path, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    damage, reason = DAMAGE[kind]
    check_refused(tmp_path, caplog, reason, lambda: damage(write_biased(tmp_path, "2", 20.0)))


@pytest.mark.parametrize(
    ("graph", "reason"),
    [
        (lambda folder: mean_graph(bias=0.5), "golden[0]: mean: expected 3.0, got 3.5"),
        (lambda folder: mean_graph(batch_dependent=True), "depends on its batch-mates"),
        (lambda folder: b"no graph", "the graph cannot be loaded"),
        (lambda folder: hungry_graph(), "alloc"),
        (outside_graph, "keeps weights in another file"),
    ],
    ids=["other answers", "batch-mates", "no graph", "out of memory", "weights outside"],
)
def test_a_graph_that_fails(
    tmp_path: Path,
    graph: Callable[[Path], bytes],
    reason: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    models = tmp_path / "models"
    check_refused(
        models, caplog, reason, lambda: write_version(models, "mean", "2", graph=graph(elsewhere))
    )


def test_no_memory_for_python(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def publish() -> None:
        folder = write_version(tmp_path, "mean", "2")
        edit(folder, task="hungry")

    check_refused(tmp_path, caplog, "loading failed: MemoryError", publish)


def check_refused(
    root: Path, caplog: pytest.LogCaptureFixture, reason: str, publish: Callable[[], object]
) -> None:
    """What `publish` puts beside version 1 is refused for `reason`, once, and 1 serves on."""
    write_biased(root, "1", 10.0)
    with serving(root, tasks={"mean": MeanTask, "hungry": OutOfMemory}) as repository:
        served = repository.get("mean")
        publish()
        before = metric("unroll_model_loads_total", model="mean", status="refused") or 0.0
        caplog.clear()
        for _ in range(5):
            repository.refresh()
        assert repository.get("mean") is served
        assert ask(served, [1.0, 3.0]) == 12.0
        [refusal] = repository.refused()
        assert (refusal.name, refusal.version) == ("mean", "2")
        assert reason in refusal.reason
        assert states(repository) == {"1": ("READY", ""), "2": ("UNAVAILABLE", refusal.reason)}
        assert events(caplog) == ["model_refused"]
        assert metric("unroll_model_loads_total", model="mean", status="refused") == before + 1
        assert metric("unroll_refused_versions", model="mean") == 1
        with pytest.raises(ModelRefused):
            repository.load("mean")
        assert repository.get("mean") is served

        shutil.rmtree(root / "mean" / "2")
        repository.refresh()
        assert repository.refused() == []
        assert metric("unroll_refused_versions", model="mean") == 0
        write_biased(root, "2", 20.0)
        repository.refresh()
        assert ask(repository.get("mean"), [1.0, 3.0]) == 22.0


def test_a_repaired_version_is_tried_again(tmp_path: Path) -> None:
    write_biased(tmp_path, "1", 10.0)
    with serving(tmp_path) as repository:
        folder = write_biased(tmp_path, "2", 20.0)
        content = (folder / "model.onnx").read_bytes()
        flip(folder)
        repository.refresh()
        assert [refusal.version for refusal in repository.refused()] == ["2"]
        (folder / "copy").write_bytes(content)
        (folder / "copy").rename(folder / "model.onnx")
        repository.refresh()
        assert repository.get("mean").version == "2"
        assert repository.refused() == []


def test_the_next_best_is_served_meanwhile(tmp_path: Path) -> None:
    write_biased(tmp_path, "1", 10.0)
    with serving(tmp_path) as repository:
        flip(write_biased(tmp_path, "3", 30.0))
        write_biased(tmp_path, "2", 20.0)
        repository.refresh()
        assert repository.get("mean").version == "2"
        assert [refusal.version for refusal in repository.refused()] == ["3"]


@pytest.mark.parametrize("order", [1, -1])
def test_a_version_that_is_being_copied_is_waited_for(
    tmp_path: Path, order: int, caplog: pytest.LogCaptureFixture
) -> None:
    """File by file and in small pieces, the manifest last or first: never refused, never logged."""
    write_biased(tmp_path, "1", 10.0)
    source = write_biased(tmp_path / "elsewhere", "2", 20.0)
    with serving(tmp_path) as repository:
        target = tmp_path / "mean" / "2"
        target.mkdir()
        repository.refresh()
        for file in sorted(source.iterdir(), key=lambda path: order * len(path.name)):
            content = file.read_bytes()
            for start in range(0, len(content), 200):
                with (target / file.name).open("ab") as copy:
                    copy.write(content[start : start + 200])
                assert repository.get("mean").version == "1"
                repository.refresh()
        assert repository.get("mean").version == "2"
        assert ask(repository.get("mean"), [1.0]) == 21.0
        assert "model_refused" not in events(caplog)


def test_a_copy_that_has_stopped_is_refused_and_taken_when_it_goes_on(tmp_path: Path) -> None:
    write_biased(tmp_path, "1", 10.0)
    source = write_biased(tmp_path / "elsewhere", "2", 20.0)
    with serving(tmp_path) as repository:
        target = tmp_path / "mean" / "2"
        target.mkdir()
        shutil.copy2(source / "manifest.json", target)
        repository.refresh()
        assert repository.refused() == []
        assert states(repository)["2"] == (
            "UNAVAILABLE",
            "it is still being written: model.onnx is missing",
        )
        repository.refresh()
        assert [refusal.reason for refusal in repository.refused()] == ["model.onnx is missing"]
        shutil.copy2(source / "model.onnx", target)
        repository.refresh()
        shutil.copy2(source / "README.md", target)
        repository.refresh()
        assert repository.get("mean").version == "2"
        assert repository.refused() == []


def test_files_that_change_while_they_are_read(tmp_path: Path) -> None:
    class Writes(MeanTask):
        """Somebody puts another graph in the place of the one that was just verified."""

        @classmethod
        def load(cls, folder: Path, manifest: Manifest, open_session: OpenSession) -> Self:
            if manifest.version == "2" and not repository.refused():
                (folder / "README.md").write_text("The mode of a series.\n", encoding="utf-8")
            return super().load(folder, manifest, open_session)

    write_biased(tmp_path, "1", 10.0)
    repository = Repository(tmp_path, {"mean": Writes})
    repository.load_all()
    try:
        folder = write_biased(tmp_path, "2", 20.0)
        repository.refresh()
        assert repository.get("mean").version == "1"
        [refusal] = repository.refused()
        assert refusal.reason == "its files changed while they were being read"
        repository.refresh()
        assert "its sha256 differs" in repository.refused()[0].reason
        edit(
            folder,
            files={
                name: digest(folder / name).model_dump() for name in ("README.md", "model.onnx")
            },
        )
        repository.refresh()
        assert repository.get("mean").version == "2"
    finally:
        assert repository.close(timeout=60)
