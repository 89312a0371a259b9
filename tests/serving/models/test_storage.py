"""Folders that hold one model and no repository: what is found in them, and how it is linked."""

import shutil
from pathlib import Path

import pytest

from app.errors import ModelRefused
from app.serving.models.storage import find_stored, link_versions
from tests.doubles import write_version


@pytest.fixture(name="version")
def one_version(tmp_path: Path) -> Path:
    """The folder of a version, in a repository."""
    write_version(tmp_path / "models", version="3")
    return tmp_path / "models" / "mean" / "3"


def test_a_repository_is_left_as_it_is(version: Path) -> None:
    models = version.parents[1]
    (models / "other.onnx").touch()
    (models / "bare" / "1").mkdir(parents=True)
    (models / "bare" / "1" / "model.onnx").touch()
    assert find_stored(models) is None


def test_nothing_is_nothing(tmp_path: Path) -> None:
    assert find_stored(tmp_path) is None
    assert find_stored(tmp_path / "nowhere") is None
    (tmp_path / "notes.txt").touch()
    assert find_stored(tmp_path) is None


def test_a_version_without_its_model(version: Path, tmp_path: Path) -> None:
    stored = find_stored(version)
    assert stored is not None
    assert stored.versions == {("mean", "3"): version}
    assert stored.graphs == ()
    link_versions(stored, tmp_path / "made")
    assert find_stored(tmp_path / "made") is None, "a repository"
    assert (tmp_path / "made" / "mean" / "3").resolve() == version


def test_versions_of_one_model(version: Path) -> None:
    write_version(version.parents[1], version="12")
    stored = find_stored(version.parent)
    assert stored is not None
    assert {key: each.name for key, each in stored.versions.items()} == {
        ("mean", "3"): "3",
        ("mean", "12"): "12",
    }


@pytest.mark.parametrize("place", ["model.onnx", "1/model.onnx", "mine/1/model.onnx"])
def test_a_graph_alone(tmp_path: Path, place: str) -> None:
    (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / place).touch()
    stored = find_stored(tmp_path)
    assert stored is not None
    assert (stored.versions, stored.graphs) == ({}, (tmp_path / place,))


def test_a_manifest_that_cannot_be_read(version: Path, tmp_path: Path) -> None:
    shutil.copytree(version, tmp_path / "storage")
    (tmp_path / "storage" / "manifest.json").write_text("{", encoding="utf-8")
    with pytest.raises(ModelRefused):
        find_stored(tmp_path / "storage")
