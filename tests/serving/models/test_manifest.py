"""A manifest comes back from disk as it was written."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from app.serving.models.manifest import Golden, digest, read_manifest, write_manifest
from tests.doubles import write_version


def test_a_manifest_survives_being_written(tmp_path: Path) -> None:
    folder = write_version(tmp_path)
    manifest = read_manifest(folder)
    golden = Golden(request={"values": [0.1, 1e-300, 12345678.9]}, answer={"mean": 1 / 3})
    changed = manifest.model_copy(update={"golden": (golden, golden)})
    write_manifest(folder, changed)
    assert read_manifest(folder) == changed


def test_a_manifest_cannot_be_changed(tmp_path: Path) -> None:
    manifest = read_manifest(write_version(tmp_path))
    with pytest.raises(ValidationError):
        manifest.version = "2"  # type: ignore[misc]


def test_digest(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    assert digest(path).bytes == 3
    assert digest(path).sha256.startswith("ba7816bf8f01cfea")
