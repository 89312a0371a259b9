"""The Python that has KServe's package, which needs other versions of what this project uses."""

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parent.parent
# `make test-kserve` makes the first; a variable names another one.
_PYTHON: Final = os.environ.get("KSERVE_PYTHON", str(ROOT / ".venv-kserve" / "bin" / "python"))


@cache
def _has_kserve() -> bool:
    if shutil.which(_PYTHON) is None:
        return False
    return subprocess.run([_PYTHON, "-c", "import kserve"], capture_output=True).returncode == 0


def run(program: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a program with it. Skips the test where it is missing."""
    if not _has_kserve():
        pytest.skip("KServe's Python package is not installed: make test-kserve")
    return subprocess.run(
        [_PYTHON, str(program), *arguments], capture_output=True, text=True, timeout=300
    )
