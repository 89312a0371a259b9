"""Runs tests in a copy of the checkout whose models/ holds what users put there.

`python -m tests.own_models [pytest's arguments]`; without any, the files that could look there.
Newer versions of what ships, an import, a version that is broken, folders that are no models: all
of them lie in a copy, and nothing in this checkout is touched.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from app.training.importing.import_model import ImportOptions, import_model
from tests.shipped import SHIPPED
from tests.training.importing.graphs import Net

ROOT: Final = Path(__file__).resolve().parent.parent
DEFAULT: Final = (
    "tests/test_shipped_models.py",
    "tests/test_shipped_authorship.py",
    "tests/test_docs.py",
    "tests/test_end_to_end.py",
    "tests/test_main.py",
    "tests/test_settings.py",
    "tests/serving/test_invariance.py",
    "tests/cli/test_cli.py",
    "tests/deploy",
    "tests/http/test_server.py",
)


def plant(models: Path) -> None:
    """Put into a model repository what people put there."""
    for name in SHIPPED:
        newest = SHIPPED[name][-1]
        own = models / name / str(int(newest) + 1)
        shutil.copytree(models / name / newest, own)
        manifest = json.loads((own / "manifest.json").read_text(encoding="utf-8"))
        manifest |= {"version": own.name, "description": "My own."}
        (own / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    (models / "forecast" / "7").mkdir()
    (models / "forecast" / "7" / "manifest.json").write_text("{")
    network = models / "network.onnx"
    network.write_bytes(Net().build())
    import_model(network, ImportOptions("mine"), models)
    for folder in ("My Notes", ".cache", "empty", "checkpoints/epoch-3"):
        (models / folder).mkdir(parents=True)
    (models / "My Notes" / "read me.txt").write_text("Trained on Monday.")
    (models / "checkpoints" / "epoch-3" / "weights.pt").write_bytes(b"\0" * 1000)


def main(arguments: list[str]) -> int:
    """The exit status of pytest in a copy with planted models."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "unroll"
        for name in filter(None, listed.split("\0")):
            if (ROOT / name).is_file():
                (copy / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, copy / name)
        plant(copy / "models")
        environment = os.environ | {"PYTHONPATH": str(copy)}
        command = [sys.executable, "-m", "pytest", *(arguments or DEFAULT)]
        return subprocess.run(command, cwd=copy, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
