"""From a folder of CSV files to a version that the repository serves, with tiny networks."""

from pathlib import Path

import numpy as np
import pytest

from app.errors import ModelRefused
from app.features.trends import CANDIDATES
from app.serving.models.manifest import Network
from app.serving.models.repository import Repository
from app.training.common.loop import LoopOptions
from app.training.common.publish import Draft, next_version, publish
from app.training.forecast.data import read_series
from app.training.forecast.fit import build_material, train_member
from app.training.forecast.network import ForecasterOptions
from app.training.forecast.recipe import ForecastRecipe
from app.training.forecast.train import TASKS, train_forecast


@pytest.fixture
def data(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    t = np.arange(80)
    columns = [100 + 10 * np.sin(2 * np.pi * t / 12 + i) + rng.normal(size=80) for i in range(14)]
    folder = tmp_path / "data"
    folder.mkdir()
    header = ",".join(f"s{i}" for i in range(14))
    rows = "\n".join(",".join(f"{c[k]:.3f}" for c in columns) for k in range(80))
    (folder / "made.csv").write_text(f"{header}\n{rows}\n")
    return folder


def tiny(cell: str = "gru", members: int = 1) -> ForecastRecipe:
    return ForecastRecipe(
        network=ForecasterOptions(cell=cell, hidden_size=4, num_layers=1, candidates=CANDIDATES),
        loop=LoopOptions(steps=4, warmup=1, validate_every=2),
        members=members,
        batch_size=8,
        context_length=24,
        memory=60,
        trained_horizon=12,
        generated=3,
        made=3,
    )


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_published_model_is_served(data: Path, tmp_path: Path, jobs: int) -> None:
    models, work = tmp_path / "models", tmp_path / "work"
    folder = train_forecast(
        data, tiny(members=2), name="mine", repository=models, work=work, jobs=jobs
    )
    assert folder == models / "mine" / "1"
    repository = Repository(models, TASKS)
    repository.load_all()
    try:
        model = repository.get("mine", "1", "forecast")
        assert model.manifest.network.members == 2
        assert model.manifest.training["series"] == 14
        example = model.task.encode([1.0, 2.0, 3.0], 5)
        outcome = model.scheduler.submit(example, deadline=None).result(timeout=60)
        assert len(outcome.prediction.mean) == 5
    finally:
        repository.close()
    assert [p.name for p in models.iterdir()] == ["mine"], "no half-written version is left"
    again = train_forecast(data, tiny(members=2), name="mine", repository=models, work=work)
    assert again.name == "2"
    assert next_version(models / "mine") == "3"


def test_a_custom_cell_is_published_too(data: Path, tmp_path: Path) -> None:
    folder = train_forecast(
        data, tiny("layernorm_lstm"), repository=tmp_path / "models", work=tmp_path / "work"
    )
    assert "own CSV files" in (folder / "README.md").read_text()


def test_the_same_seed_gives_the_same_network(data: Path) -> None:
    recipe = tiny()
    series = read_series(data)
    fits = [train_member(build_material(series, recipe), recipe, 0) for _ in range(2)]
    first, second = (fit.network.state_dict() for fit in fits)
    assert all(bool((first[key] == second[key]).all()) for key in first)


def test_a_version_never_changes(data: Path, tmp_path: Path) -> None:
    train_forecast(data, tiny(), repository=tmp_path, work=tmp_path / "work")
    with pytest.raises(ModelRefused, match="there already"):
        publish(_draft(), tmp_path, TASKS, version="1")


def _draft() -> Draft:
    return Draft(
        name="forecast",
        task="forecast",
        description="",
        license="",
        intended_use="",
        network=Network(cell="gru", num_layers=1, hidden_size=4, parameters=1, opset=20),
        graphs={},
        features={},
        training={},
        card="",
        requests=(),
    )
