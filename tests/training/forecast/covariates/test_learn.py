"""What is found out about covariates, and the windows that are cut: serving's to the bit."""

from pathlib import Path

import numpy as np
import pytest

from app.errors import ConfigurationError
from app.serving.runtime.session import Session
from app.tasks.forecast.covariates.learned import LearnedCovariates
from app.tasks.forecast.features import ForecastFeatures
from app.tasks.forecast.task import ForecastTask
from app.training.forecast.covariates.fit import build_material, left_out, parts
from app.training.forecast.covariates.learn import features_of, lay
from app.training.forecast.covariates.windows import cut
from app.training.forecast.data import Series
from app.training.forecast.tables.covariates import Beside, Cells
from tests.forecaster import quantile_graph
from tests.training.forecast.covariates.made import read_shops, tiny, write_shops


@pytest.fixture
def shops(tmp_path: Path) -> list[Series]:
    return read_shops(write_shops(tmp_path))


def series(past: dict[str, Cells], points: int = 60) -> Series:
    values = np.arange(float(points))
    return Series("csv", "one", values, "D", 7, 7, "2024-01-01", Beside(past))


def test_kinds_units_and_categories_are_found(shops: list[Series]) -> None:
    about = features_of(shops, tiny(), ("visitors",)).covariates
    assert about is not None
    promotion, region, visitors = about.columns
    assert (promotion.name, promotion.kind, promotion.ahead) == ("promotion", "boolean", True)
    assert (region.kind, region.static) == ("category", True)
    assert region.categories == ("north", "south")
    assert (visitors.kind, visitors.ahead, visitors.static) == ("number", False, False)
    known = [one.beside.past["visitors"][: len(one.known())] for one in shops]
    numbers = np.array(known, dtype=np.float64)
    assert visitors.centre == pytest.approx(float(numbers.mean()))
    assert visitors.scale == pytest.approx(float(numbers.std()))
    assert (visitors.lowest, visitors.highest) == (numbers.min(), numbers.max())
    assert about.frequency == "D"
    assert not about.years


def test_the_last_horizon_is_looked_at_by_nobody(shops: list[Series]) -> None:
    def changed(one: Series) -> Series:
        values = one.values.copy()
        values[-one.horizon :] = 1e6
        past = {name: list(cells) for name, cells in one.beside.past.items()}
        past["visitors"][-one.horizon :] = [1e6] * one.horizon
        return Series(
            one.dataset, one.id, values, one.frequency, 7, one.horizon, one.first, Beside(past)
        )

    others = [changed(one) for one in shops]
    assert features_of(shops, tiny()) == features_of(others, tiny())
    first, second = (
        build_material(each, features_of(each, tiny()), tiny()).windows for each in (shops, others)
    )
    np.testing.assert_array_equal(first.target, second.target)
    np.testing.assert_array_equal(first.future, second.future)


@pytest.mark.parametrize(
    ("cells", "what"),
    [
        ({"x": [str(i) + "-" for i in range(60)] * 20}, "categories"),
        ({"x": ["a" * 65, *["b"] * 59]}, "characters"),
        ({f"x{i}": [1.0] * 60 for i in range(51)}, "too many"),
    ],
    ids=["categories", "long", "many"],
)
def test_what_cannot_be_learned_is_refused_by_name(cells: dict[str, Cells], what: str) -> None:
    points = len(next(iter(cells.values())))
    if what == "categories":
        cells = {"x": [f"{i}-" for i in range(points)]}
    with pytest.raises(ConfigurationError, match=what):
        features_of([series(cells, points)], tiny())


def test_series_need_the_same_covariates() -> None:
    with pytest.raises(ConfigurationError, match="the same ones"):
        features_of([series({"x": [1.0] * 60}), series({"z": [1.0] * 60})], tiny())
    with pytest.raises(ConfigurationError, match="no covariate 'z'"):
        features_of([series({"x": [1.0] * 60})], tiny(), ("z",))


def test_a_window_is_what_serving_makes_of_the_same_past(shops: list[Series]) -> None:
    features = features_of(shops, tiny(), ("visitors",))
    learned = LearnedCovariates(features)
    task = ForecastTask(features, Session(quantile_graph()))
    one = shops[1]
    windows = cut(
        [lay([one], learned)],
        learned,
        horizon=7,
        memory=features.memory,
        folds=10,
        most=10_000,
        seed=0,
    )
    known = len(one.known())
    last = int(np.flatnonzero(windows.aligned)[-1])  # the last one that ends with what is known
    origin = known - 7
    example = task.encode(
        one.values[:origin],
        7,
        frequency="D",
        start=one.first,
        past_covariates={name: cells[:origin] for name, cells in one.beside.past.items()},
        future_covariates={"promotion": one.beside.past["promotion"][origin:known]},
    )
    assert example.codes is not None
    length = int(windows.lengths[last])
    np.testing.assert_array_equal(example.context, windows.context[last, :length])
    np.testing.assert_array_equal(example.future, windows.future[last])
    np.testing.assert_array_equal(example.codes[0], windows.context_codes[last, :length])
    np.testing.assert_array_equal(example.codes[1], windows.future_codes[last])


def test_each_member_leaves_out_another_part_of_the_time(shops: list[Series]) -> None:
    recipe = tiny(members=3)
    features: ForecastFeatures = features_of(shops, recipe)
    windows = build_material(shops, features, recipe).windows
    folds = [left_out(recipe, member) for member in range(3)]
    assert folds[0] == recipe.folds - 1
    assert len(set(folds)) == 3
    for fold in folds:
        teaches, judges = parts(windows, fold)
        assert len(teaches)
        assert len(judges)
        assert not set(teaches) & set(judges)
        first, last = windows.folds[teaches].T
        assert not ((first <= fold) & (fold <= last)).any()
