"""What the client may need: httpx and Python 3.10; nothing of the service."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent / "client"
MODULES = sorted((ROOT / "unroll_client").rglob("*.py"))
# Imported inside functions alone, where what is given comes from them, or for checks of types.
OPTIONAL = {"numpy", "typing_extensions"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_a_module_needs_httpx_alone(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 10))
    assert ast.get_docstring(tree)
    for node in ast.walk(tree):
        names = [each.name for each in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0
            names = [node.module or ""]
        for name in names:
            top = name.split(".")[0]
            known = top in sys.stdlib_module_names or top in {"httpx", "unroll_client"}
            assert known or top in OPTIONAL, name


def test_importing_it_loads_nothing_else() -> None:
    code = (
        "import sys, unroll_client\n"
        "print(sorted({'numpy', 'pandas', 'polars', 'PIL', 'app'} & set(sys.modules)))"
    )
    output = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert output.strip() == "[]"
