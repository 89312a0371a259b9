"""The services that an ablation compares: a name, and how each is started. Knows no measurement.

A variant is a function of the folder of models and a port that says what to start. What it starts
answers GET /health/ready, and requests as Unroll does; its log goes to standard output.
"""

import subprocess
import tarfile
from collections.abc import Callable
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Final

from benchmarks.load.services import ROOT, Start, unroll

Variant = Callable[[Path, int], Start]
REVISION: Final = "revision "  # and a git revision: the service as it was then


def _part(name: str, models: Path, port: int) -> Start:
    """The service without some of its parts; see serve_variant.py."""
    return Start(["-m", "benchmarks.load.serve_variant", name, str(models), str(port)])


VARIANTS: Final[dict[str, Variant]] = {
    "router": partial(_part, "router"),  # stock uvicorn, FastAPI's router
    "fast path": partial(_part, "fast-path"),  # stock uvicorn, our ASGI fast path
    "own connection": partial(_part, "connection"),  # our asyncio.Protocol, no rounds
    "as served": unroll,  # `python -m app serve` of this working tree
}


def variant(name: str, folder: Path) -> Variant:
    """The variant of that name; old revisions are unpacked below `folder`. Raises ValueError."""
    if name.startswith(REVISION):
        return revision(name.removeprefix(REVISION), folder)
    found = VARIANTS.get(name)
    if found is None:
        raise ValueError(f"{name!r} is none of {', '.join(VARIANTS)}, {REVISION}REV")
    return found


def revision(name: str, folder: Path) -> Variant:
    """`app/` as it was at a git revision, run by this interpreter and its packages."""
    command = ["git", "archive", "--format=tar", name, "app"]
    archive = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout
    unpacked = folder / name.replace("/", "-")
    with tarfile.open(fileobj=BytesIO(archive)) as tar:
        tar.extractall(unpacked, filter="data")
    return partial(_in_folder, unpacked)


def _in_folder(folder: Path, models: Path, port: int) -> Start:
    """`python -m app` takes the package in the folder where it is started."""
    start = unroll(models, port)
    return Start(start.command, {"PYTHONPATH": str(folder)}, folder)
