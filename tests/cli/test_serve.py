"""What is wrong with the start of the service is told in one line."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.api.doubles import write_version

ROOT = Path(__file__).resolve().parents[2]


def serve(models_dir: Path, **variables: str) -> subprocess.Popen[str]:
    clean = {key: value for key, value in os.environ.items() if not key.startswith("UNROLL_")}
    settings = {"UNROLL_MODELS_DIR": str(models_dir), "UNROLL_PORT": "0", **variables}
    return subprocess.Popen(
        [sys.executable, "-m", "app", "serve", "--log-format", "json"],
        cwd=ROOT,
        env=clean | settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_port_that_is_taken_is_one_line(tmp_path: Path, workers: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with serve(tmp_path, UNROLL_PORT=port, UNROLL_WORKERS=workers) as process:
            out, err = process.communicate(timeout=120)
    assert process.returncode == 2
    assert out == ""
    assert err == f"UNROLL_PORT: 127.0.0.1:{port} cannot be used: Address already in use\n"


def test_a_state_folder_that_cannot_be_used_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with serve(tmp_path, UNROLL_STATE_DIR=str(tmp_path / "file")) as process:
        _, err = process.communicate(timeout=120)
    assert process.returncode == 2
    assert err.startswith("UNROLL_STATE_DIR: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_misspelt_setting_is_told_once_with_what_was_meant(tmp_path: Path, workers: str) -> None:
    write_version(tmp_path)  # of no task that is there: nothing is served
    others = {"UNROLL_URL": "http://127.0.0.1", "UNROLL_WORKERS": workers}
    with serve(tmp_path, UNROLL_PROT="5", UNROLL_QQQ="1", **others) as process:
        assert process.stderr is not None
        lines = []
        for line in process.stderr:
            lines.append(json.loads(line))
            if lines[-1]["event"] == "loaded":
                break
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=120)
    lines += map(json.loads, err.splitlines())
    told = [each for each in lines if each["event"] == "setting_unknown"]
    assert [(each["name"], each["meant"]) for each in told] == [
        ("UNROLL_PROT", "UNROLL_PORT"),
        ("UNROLL_QQQ", ""),
    ]
    assert all(each["level"] == "warning" for each in told)
