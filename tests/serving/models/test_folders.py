"""Folders of the repository: names, the mark that a change leaves, what a copy still lacks."""

import os
from pathlib import Path

import pytest

from app.serving.models.folders import ABSENT, missing_part, model_names, snapshot, version_names
from tests.doubles import write_version


def test_names_and_versions(tmp_path: Path) -> None:
    for version in ("2", "10", "1"):
        write_version(tmp_path, version=version)
    for stray in (".tmp-1", "Notes", "mean/latest", "mean/02", "mean/0", "mean/.tmp-2"):
        (tmp_path / stray).mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "mean" / "3").touch()
    assert model_names(tmp_path) == ["mean"]
    assert version_names(tmp_path / "mean") == ["10", "2", "1"]
    assert model_names(tmp_path / "nowhere") == []
    assert version_names(tmp_path / "nowhere") == []


def test_a_snapshot_changes_with_every_file(tmp_path: Path) -> None:
    folder = tmp_path / "mean" / "1"
    assert snapshot(folder) == ABSENT
    write_version(tmp_path)
    seen = [snapshot(folder)]
    assert snapshot(folder) == seen[0] != ABSENT

    def note() -> None:
        assert snapshot(folder) not in seen
        seen.append(snapshot(folder))

    (folder / "more").touch()
    note()
    (folder / "more").write_text("much more", encoding="utf-8")
    note()
    (folder / "more").unlink()
    (folder / "more").symlink_to(tmp_path / "one")
    note()
    (tmp_path / "one").touch()
    note()
    os.utime(folder / "README.md", (1, 1))
    note()
    (folder / "README.md").unlink()
    note()


def test_an_empty_folder_is_not_an_absent_one(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert snapshot(tmp_path / "empty") != ABSENT
    (tmp_path / "file").touch()
    assert snapshot(tmp_path / "file") != ABSENT


def test_what_a_copy_lacks(tmp_path: Path) -> None:
    folder = write_version(tmp_path)
    assert missing_part(folder) == ""
    graph = (folder / "model.onnx").read_bytes()
    (folder / "model.onnx").write_bytes(graph[:7])
    assert missing_part(folder) == f"model.onnx has 7 bytes, the manifest says {len(graph)}"
    (folder / "model.onnx").write_bytes(bytes(len(graph)))
    assert missing_part(folder) == "", "sizes are what it looks at"
    (folder / "README.md").unlink()
    assert missing_part(folder) == "README.md is missing"
    (folder / "manifest.json").write_text("{", encoding="utf-8")
    assert missing_part(folder).startswith("manifest.json is not valid")


@pytest.mark.parametrize("name", ["manifest.json", "model.onnx"])
def test_a_pipe_is_not_waited_at(tmp_path: Path, name: str) -> None:
    folder = write_version(tmp_path)
    (folder / name).unlink()
    os.mkfifo(folder / name)
    assert missing_part(folder)
