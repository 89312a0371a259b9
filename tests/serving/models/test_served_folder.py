"""What happens on the disk to a version that is served: it serves on, and the log tells once."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.doubles import mean_graph, write_biased
from tests.serving.models.life import ask, events, serving, states

ROOT = Path(__file__).resolve().parents[3]
CHANGED = "served_version_changed"


def test_its_folder_is_deleted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_biased(tmp_path, "1", 10.0)
    folder = write_biased(tmp_path, "2", 20.0)
    with serving(tmp_path) as repository:
        served = repository.get("mean")
        folder.rename(tmp_path / "kept")
        for _ in range(3):
            repository.refresh()
        assert repository.get("mean") is served, "going back is for `load` to say"
        assert ask(served, [1.0]) == 21.0
        assert events(caplog) == [CHANGED]
        assert states(repository)["2"] == ("READY", "its folder is gone")
        (tmp_path / "kept").rename(folder)
        repository.refresh()
        assert states(repository)["2"] == ("READY", "")
        shutil.rmtree(folder)
        assert repository.load("mean").version == "1"
        assert events(caplog) == [CHANGED]


def test_all_of_the_repository_disappears(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A volume that was unmounted: nothing is lost before the next start."""
    root = tmp_path / "models"
    write_biased(root, "1", 10.0)
    with serving(root) as repository:
        shutil.rmtree(root)
        for _ in range(3):
            repository.refresh()
        assert ask(repository.get("mean"), [1.0]) == 11.0
        assert events(caplog) == ["repository_unreadable", CHANGED]
        assert states(repository) == {"1": ("READY", "its folder is gone")}
        write_biased(root, "2", 20.0)
        repository.refresh()
        assert ask(repository.get("mean"), [1.0]) == 21.0


def test_a_file_is_overwritten(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = write_biased(tmp_path, "1", 10.0)
    with serving(tmp_path) as repository:
        content = (folder / "model.onnx").read_bytes()
        (folder / "model.onnx").write_bytes(mean_graph(bias=99.0))
        for _ in range(3):
            repository.refresh()
        assert ask(repository.get("mean"), [1.0]) == 11.0
        assert events(caplog) == [CHANGED]
        state, reason = states(repository)["1"]
        assert state == "READY"
        assert reason.startswith("its folder would not load any more: model.onnx is not what")
        (folder / "model.onnx").write_bytes(b"")
        repository.refresh()
        assert ask(repository.get("mean"), [1.0]) == 11.0
        (folder / "model.onnx").write_bytes(content)
        repository.refresh()
        assert states(repository)["1"] == ("READY", "")


def test_the_same_bytes_again_are_no_change(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A copy, a link that is turned to another checkout, a touch: content is what counts."""
    write_biased(tmp_path / "one", "1", 10.0)
    shutil.copytree(tmp_path / "one", tmp_path / "other")
    root = tmp_path / "models"
    root.symlink_to("one")
    with serving(root) as repository:
        served = repository.get("mean")
        root.unlink()
        root.symlink_to("other")
        repository.refresh()
        os.utime(root / "mean" / "1" / "model.onnx", (1, 1))
        repository.refresh()
        assert repository.get("mean") is served
        assert events(caplog) == []
        assert states(repository)["1"] == ("READY", "")


def test_a_version_may_be_a_link(tmp_path: Path) -> None:
    root = tmp_path / "models"
    write_biased(root, "1", 10.0)
    elsewhere = write_biased(tmp_path / "store", "2", 20.0)
    with serving(root) as repository:
        (root / "mean" / "2").symlink_to(elsewhere)
        (root / "mean" / "3").symlink_to(tmp_path / "nowhere")
        (root / "mean" / "4").symlink_to(root / "mean" / "4")
        repository.refresh()
        assert ask(repository.get("mean"), [1.0]) == 21.0
        assert repository.refused() == []


# Root may read everything, so as root it is tried as another user, in a process of its own.
UNREADABLE = """
import os, tempfile
from contextlib import contextmanager
from pathlib import Path
from app.errors import UnrollError
from tests.doubles import write_biased
from tests.serving.models.life import ask, serving

@contextmanager
def allowed(path, mode):
    def change(mode):
        if root_user:
            os.seteuid(0)
        path.chmod(mode)
        if root_user:
            os.seteuid(65534)
    change(mode)
    yield
    change(0o755)

root_user = os.geteuid() == 0
with tempfile.TemporaryDirectory() as folder:
    root = Path(folder)
    root.chmod(0o755)
    write_biased(root, "1", 10.0)
    with serving(root) as repository:
        write_biased(root, "2", 20.0)
        for name in ("mean/2/model.onnx", "mean/2/manifest.json", "mean/2", "mean", "."):
            with allowed(root / name, 0):
                for _ in range(3):
                    repository.refresh()
                try:
                    repository.load("mean", "2")
                except UnrollError as error:
                    print(name, type(error).__name__, *repository.problems())
                repository.index()
                assert repository.get("mean").version == "1"
                assert ask(repository.get("mean"), [1.0]) == 11.0
        repository.refresh()
        assert repository.problems() == []
        print(repository.get("mean").version, ask(repository.get("mean"), [1.0]))
    if root_user:
        os.seteuid(0)
"""


def test_what_may_not_be_read_is_taken_when_it_may() -> None:
    done = subprocess.run(
        [sys.executable, "-c", UNREADABLE], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stdout.splitlines() if not line.startswith("20")] == [
        "mean/2/model.onnx ModelRefused",
        "mean/2/manifest.json ModelRefused",
        "mean/2 ModelRefused",
        "mean ModelRefused mean cannot be read: Permission denied",
        ". ModelRefused the model repository cannot be read: Permission denied "
        "mean cannot be read: Permission denied",
        "2 21.0",
    ]
    # Thrice each, and said once: on the way in and in the attempt to load.
    assert done.stdout.count("repository_unreadable") == 1
    assert done.stdout.count("model_unreadable") == 1
