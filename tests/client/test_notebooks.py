"""The notebooks of docs/, run from the first cell to the last against a real service."""

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.shipped import MODELS, SHIPPED

pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")
FOLDER = Path(__file__).resolve().parent.parent.parent / "docs" / "notebooks"
BOOKS = sorted(FOLDER.glob("*.ipynb"))


@pytest.fixture(scope="module")
def notebooks() -> ModuleType:
    """docs/notebooks.py, which is no part of a package."""
    spec = importlib.util.spec_from_file_location("notebooks", FOLDER.with_suffix(".py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def shown(book: Any) -> str:
    """All that the cells print and show as text."""
    outputs = [output for cell in book.cells for output in cell.get("outputs", ())]
    texts = [each.get("text") or each.get("data", {}).get("text/plain", "") for each in outputs]
    return "\n".join(texts)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of Jupyter, about its own packages
def test_the_notebooks_work(
    notebooks: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = tmp_path / "models"
    for name in {"forecast", "forecast-stream"} & SHIPPED.keys():
        for version in SHIPPED[name]:
            link = models / name / version
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(MODELS / name / version, target_is_directory=True)
    with monkeypatch.context() as context, notebooks.service(models, tmp_path / "log") as url:
        for name in ("UNROLL_URL", "UNROLL_MODELS_DIR", "OMP_NUM_THREADS"):
            context.setenv(name, "")  # put back at the end, whatever the notebooks are given
        assert len(BOOKS) == 3
        for path in BOOKS:
            book = notebooks.executed(path, url, models, tmp_path)
            assert "Error" not in shown(book), path.name
            written = [cell.source for cell in book.cells if cell.cell_type == "code"]
            assert all(cell.execution_count for cell in book.cells if cell.cell_type == "code")
            assert "client.close()" in written[-1]
