"""Runs the notebooks of docs/notebooks against a service and keeps what they show.

`python docs/notebooks.py` starts a service with the models that ship, in a repository of its own,
and writes the outputs into the files. A test runs them in the same way and writes nothing.
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import nbformat
from nbclient import NotebookClient

ROOT: Final = Path(__file__).resolve().parent.parent
FOLDER: Final = ROOT / "docs" / "notebooks"
_SECONDS: Final = 300  # for one cell, at most


def executed(path: Path, url: str, models: Path, folder: Path) -> Any:
    """The notebook with its outputs. `models` is the repository of the service at `url`.

    Files that it writes lie in `folder`.

    Raises:
        CellExecutionError: a cell does not work.
    """
    os.environ |= {"UNROLL_URL": url, "UNROLL_MODELS_DIR": str(models), "OMP_NUM_THREADS": "1"}
    book = nbformat.read(path, as_version=4)
    resources = {"metadata": {"path": str(folder)}}
    NotebookClient(book, timeout=_SECONDS, kernel_name="python3", resources=resources).execute()
    for cell in book.cells:  # times, and the version of Python, would change with every run
        cell.metadata.pop("execution", None)
    book.metadata.pop("language_info", None)
    return book


@contextmanager
def service(models: Path, log: Path) -> Iterator[str]:
    """The address of a service with these models, in a process of its own."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "app", "serve", "--port", str(port)]
    environment = {"UNROLL_MODELS_DIR": str(models), "UNROLL_STREAMS_URL": "memory://"}
    with log.open("wb") as output:
        child = subprocess.Popen(
            command, cwd=ROOT, env=os.environ | environment, stdout=output, stderr=output
        )
    url = f"http://127.0.0.1:{port}"
    try:
        while not _is_ready(url):
            if child.poll() is not None:
                raise RuntimeError(f"the service ended: {log.read_text(encoding='utf-8')[-2000:]}")
            time.sleep(0.1)
        yield url
    finally:
        child.terminate()
        child.wait(60)


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health/ready").is_success
    except httpx.TransportError:
        return False


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder, models = Path(name), Path(name) / "models"
        models.mkdir()
        for each in ("forecast", "forecast-stream"):
            if (ROOT / "models" / each).is_dir():
                shutil.copytree(ROOT / "models" / each, models / each)
        with service(models, folder / "service.log") as url:
            for path in sorted(FOLDER.glob("*.ipynb")):
                nbformat.write(executed(path, url, models, folder), path)
                print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()
