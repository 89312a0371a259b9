"""The versions that ship: complete, small, documented, and as good as they say."""

import os
import re
from pathlib import Path

import numpy as np
import pytest

from app.main import TASKS
from app.serving.models.manifest import read_manifest
from app.serving.models.repository import Repository
from app.training.forecast.evaluate import evaluate_forecast
from app.training.waves.evaluate import evaluate_waves
from tests.shipped import FOLDERS, SHIPPED, shipped_manifests

ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("UNROLL_DATA", ROOT.parent / "shared" / "data"))
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="UNROLL_DATA names no folder of data")


def test_every_model_on_the_page_ships() -> None:
    page = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")
    named = re.findall(r"^## `([a-z-]+)`$", page, flags=re.MULTILINE)
    assert sorted(named) == sorted(SHIPPED)
    told = [(manifest.name, manifest.version) for manifest in shipped_manifests()]
    assert told == [(folder.parent.name, folder.name) for folder in FOLDERS]


def test_one_version_of_each_model_ships() -> None:
    names = [manifest.name for manifest in shipped_manifests()]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("page", ["README.md", "docs/models.md"])
def test_who_may_use_the_weights_stands_where_a_model_is_first_named(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    for manifest in shipped_manifests():
        first = next(line for line in text.splitlines() if f"`{manifest.name}`" in line)
        assert first.startswith(f"| `{manifest.name}` |"), first
        (use,) = re.findall(r"\| (\*\*research only\*\*|any use: [\w.-]+) \|", first)
        if "research" in manifest.license:
            assert use == "**research only**", manifest.name
        else:
            assert use.removeprefix("any use: ") in manifest.license, manifest.name


def test_figures_measured_on_a_sibling_say_so() -> None:
    """A version that has learned the held-out texts must not show figures as its own."""
    for folder in FOLDERS:
        manifest = read_manifest(folder)
        measured_on = manifest.training.get("refit_of")
        if measured_on is not None:
            assert manifest.evaluation["of"] == measured_on
            card = (folder / "README.md").read_text(encoding="utf-8")
            assert f"Measured on version {measured_on}, not on this one." in card
            assert f"--version {measured_on}" in card


def test_the_newest_version_of_every_model_is_served(shipped_models: Path) -> None:
    repository = Repository(shipped_models, TASKS)
    repository.load_all()
    try:
        assert repository.refused() == []
        served = {model.name: model.version for model in repository.loaded()}
        assert served == {name: versions[-1] for name, versions in SHIPPED.items()}
    finally:
        repository.close()


def test_all_versions_together_stay_small() -> None:
    files = [path for folder in FOLDERS for path in folder.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 120e6


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_every_version_tells_how_it_was_made(folder: Path) -> None:
    manifest = read_manifest(folder)
    assert {"recipe", "libraries"} <= manifest.training.keys()
    assert {"members", "phases", "steps"} & manifest.training.keys(), "no fit"
    assert manifest.evaluation, "no figures"
    card = (folder / "README.md").read_text(encoding="utf-8")
    for heading in ("## Use", "## Data", "## Licence", "## Figures"):
        assert heading in card, heading
    assert "Not yet evaluated" not in card
    assert not [p for p in folder.iterdir() if p.suffix in {".pkl", ".pt", ".joblib", ".npy"}]


def test_the_figures_in_the_docs_are_those_of_the_manifests() -> None:
    page = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")
    for shipped in shipped_manifests():
        if shipped.name in {"forecast", "sentiment", "sentiment-open"}:
            assert str(shipped.evaluation["table"]) in page, shipped.name


def test_waves_are_forecast_near_the_noise_floor(shipped_models: Path) -> None:
    rows = {row.method: row for row in evaluate_waves(shipped_models, count=400, seed=5)}
    ours = next(row for method, row in rows.items() if method.startswith("forecast-waves/"))
    assert ours.one_step < 0.0014
    assert ours.ten_steps < 0.0018
    assert ours.ten_steps < 0.3 * rows["least squares"].ten_steps


@needs_data
def test_series_it_never_saw_are_forecast_better_than_naive2(shipped_models: Path) -> None:
    rows = evaluate_forecast(
        "forecast",
        shipped_models,
        DATA,
        ("m3", "m4_weekly"),
        ("unseen",),
        baselines="none",
        limit=100,
    )
    ours = [row for row in rows if row.method.endswith("median")]
    assert len(ours) == 2
    assert all(row.owa < 0.95 for row in ours)
    assert np.mean([row.coverage_80 for row in ours]) == pytest.approx(0.8, abs=0.08)
