"""Covariates in frames, the filled-in past as a frame, and series that see each other."""

import asyncio
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pandas as pd
import pytest

from app.main import TASKS
from tests.api.service import running
from tests.forecaster import write_still_version
from unroll_client import AsyncClient, Client, InvalidInput, WrongArgument

DAYS: Final = 60
HORIZON: Final = 3
_DRAWN: Final = random.Random(3)
PROMOTION: Final = [int(_DRAWN.random() < 0.3) for _ in range(DAYS + HORIZON)]
KIND: Final = [_DRAWN.choice(["open", "closed"]) for _ in range(DAYS + HORIZON)]
SALES: Final = [20.0 + 15 * PROMOTION[day] + _DRAWN.random() for day in range(DAYS)]
LEVELS: Final = [0.1, 0.9]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    root: Path = tmp_path_factory.mktemp("models")
    write_still_version(root)
    with running(root, tasks=TASKS) as service:
        yield str(service.http.base_url)


@pytest.fixture
def forecaster(address: str) -> Iterator[Client]:
    with Client(address) as client:
        yield client


def frame_of(library: str, columns: dict[str, Any]) -> Any:
    return pytest.importorskip(library).DataFrame(columns)


def days(count: int, first: int = 0) -> list[Any]:
    times = pd.date_range("2024-01-01", periods=first + count, freq="D")[first:]
    return [each.to_pydatetime() for each in times]


def asked_as_lists(client: Client) -> list[float]:
    (answer,) = client.forecast(
        SALES,
        HORIZON,
        quantiles=LEVELS,
        frequency="D",
        start="2024-01-01T00:00:00",
        past_covariates={"promotion": PROMOTION[:DAYS], "kind": KIND[:DAYS]},
        future_covariates={"promotion": PROMOTION[DAYS:]},
    )
    assert answer["covariates"]["weight"] == 1
    return answer["mean"]


@pytest.mark.parametrize("library", ["pandas", "polars"])
@pytest.mark.parametrize("form", ["long", "wide"])
def test_columns_are_covariates(forecaster: Client, address: str, library: str, form: str) -> None:
    names = {"unique_id": ["shop"] * DAYS} if form == "long" else {}
    known = {"promotion": PROMOTION[:DAYS], "kind": KIND[:DAYS]}
    frame = frame_of(library, {**names, "ds": days(DAYS), "y": SALES, **known})
    # A calendar for all series: rows of other times do not count.
    calendar = {"ds": days(HORIZON + 4, DAYS - 2), "promotion": [*PROMOTION[DAYS - 2 :], 0, 0]}
    future = frame_of(library, calendar)
    options: dict[str, Any] = {
        "covariates": ["promotion", "kind"],
        "future": future,
        "quantiles": LEVELS,
    }
    found = forecaster.forecast(frame, HORIZON, **options)
    assert found["mean"].to_list() == asked_as_lists(forecaster)
    assert found["unique_id"].to_list() == ["shop" if form == "long" else "y"] * HORIZON
    assert found["ds"].to_list()[0] == days(1, DAYS)[0]

    async def asked() -> Any:
        async with AsyncClient(address) as client:
            return await client.forecast(frame, HORIZON, **options)

    assert asyncio.run(asked())["mean"].to_list() == found["mean"].to_list()


def test_each_series_of_a_long_frame_has_its_own(forecaster: Client) -> None:
    whole = pd.DataFrame({"ds": days(DAYS), "y": SALES, "promotion": PROMOTION[:DAYS]})
    late = whole[2:].assign(y=whole["y"] + 5, promotion=1 - whole["promotion"]).drop(index=9)
    frame = pd.concat([whole.assign(unique_id="a"), late.assign(unique_id="b")])
    ahead = pd.DataFrame({"ds": days(HORIZON, DAYS), "promotion": PROMOTION[DAYS:]})
    future = pd.concat(
        [ahead.assign(unique_id="a"), ahead.assign(unique_id="b", promotion=1 - ahead["promotion"])]
    )
    found = forecaster.forecast(frame, HORIZON, covariates=["promotion"], future=future)
    other = [None if day == 9 else 1 - PROMOTION[day] for day in range(2, DAYS)]
    expected = forecaster.forecast(
        [SALES, [None if day == 9 else SALES[day] + 5 for day in range(2, DAYS)]],
        HORIZON,
        frequency="D",
        start=["2024-01-01T00:00:00", "2024-01-03T00:00:00"],
        past_covariates=[{"promotion": PROMOTION[:DAYS]}, {"promotion": other}],
        future_covariates=[
            {"promotion": PROMOTION[DAYS:]},
            {"promotion": [1 - each for each in PROMOTION[DAYS:]]},
        ],
    )
    assert found["mean"].tolist() == [*expected[0]["mean"], *expected[1]["mean"]]
    assert all(each["covariates"]["weight"] for each in expected)


def test_steps_without_times_follow_in_their_order(forecaster: Client) -> None:
    frame = pd.DataFrame({"sales": SALES, "promotion": PROMOTION[:DAYS]})
    future = pd.DataFrame({"promotion": PROMOTION[DAYS:]})
    found = forecaster.forecast(frame, HORIZON, covariates=["promotion"], future=future)
    (expected,) = forecaster.forecast(
        SALES,
        HORIZON,
        past_covariates={"promotion": PROMOTION[:DAYS]},
        future_covariates={"promotion": PROMOTION[DAYS:]},
    )
    assert found["mean"].tolist() == expected["mean"]
    assert found["ds"].tolist() == [1, 2, 3]


def test_what_is_missing_is_said(forecaster: Client) -> None:
    frame = pd.DataFrame({"ds": days(DAYS), "y": SALES, "promotion": PROMOTION[:DAYS]})
    ahead = pd.DataFrame({"ds": days(2, DAYS), "promotion": [0, 1]})
    with pytest.raises(WrongArgument, match="y has no row for 2024-03-03T00:00:00"):
        forecaster.forecast(frame, HORIZON, covariates=["promotion"], future=ahead)
    with pytest.raises(WrongArgument, match="y has 2 rows for 3 steps"):
        forecaster.forecast(frame, HORIZON, covariates=["promotion"], future=ahead, frequency="D")
    with pytest.raises(WrongArgument, match=r"no column of covariates \(promotion\)"):
        forecaster.forecast(frame, 2, covariates=["promotion"], future=ahead[["ds"]])
    with pytest.raises(WrongArgument, match="no column 'ds' of times"):
        forecaster.forecast(frame, 2, covariates=["promotion"], future=ahead[["promotion"]])
    with pytest.raises(WrongArgument, match="no column 'price'; it has ds, y, promotion"):
        forecaster.forecast(frame, 2, covariates=["price"])
    with pytest.raises(WrongArgument, match="future is one"):
        forecaster.forecast([1, 2], 1, future=ahead)  # type: ignore[call-overload]


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_the_filled_in_past_comes_before_the_forecast(forecaster: Client, library: str) -> None:
    months = [pd.Timestamp(2024, month, 1).to_pydatetime() for month in (1, 2, 3, 5, 6, 7)]
    values = [1.0, 2.0, 3.0, 5.0, None, 7.0]
    frame = frame_of(library, {"ds": months, "y": values})
    found = forecaster.forecast(frame, 2, quantiles=LEVELS, return_imputed=True)
    kinds = ["known", "known", "known", "imputed", "known", "imputed", "known"]
    assert found["kind"].to_list() == [*kinds, "forecast", "forecast"]
    times = [each.month for each in found["ds"].to_list()]
    assert times == list(range(1, 10))
    assert list(found.columns) == ["unique_id", "ds", "kind", "mean", "q0.1", "q0.9"]
    given = [1.0, 2.0, 3.0, None, 5.0, None, 7.0]
    (answer,) = forecaster.forecast(
        given, 2, quantiles=LEVELS, frequency="MS", return_imputed=True, start="2024-01-01"
    )
    assert found["mean"].to_list() == [*answer["past"]["values"], *answer["mean"]]
    expected = [*answer["past"]["quantiles"]["0.9"], *answer["quantiles"]["0.9"]]
    assert found["q0.9"].to_list() == expected


def test_the_filled_in_past_without_times(forecaster: Client) -> None:
    frame = pd.DataFrame({"y": [1.0, None, 3.0, 4.0]})
    found = forecaster.forecast(frame, 1, return_imputed=True)
    assert found["ds"].tolist() == [-3, -2, -1, 0, 1]
    assert found["kind"].tolist()[1] == "imputed"


def test_series_that_see_each_other_are_sent_together(forecaster: Client, address: str) -> None:
    leads = [float(day % 9 == 0) * 10 + day % 4 for day in range(80)]
    follows = [0.0, *(3 * each + 1 for each in leads[:-1])]
    found = forecaster.forecast([leads, follows], 1, frequency="D", multivariate=True)
    body = {"series": [leads, follows], "horizon": 1, "frequency": "D", "multivariate": True}
    expected = forecaster.ask("/forecast", body)["forecasts"]
    assert [each["mean"] for each in found] == [each["mean"] for each in expected]
    assert "series[0]" in found[1]["covariates"]["contributions"]

    async def asked() -> Any:
        async with AsyncClient(address) as client:
            items = client.iter_forecast([leads, follows], 1, frequency="D", multivariate=True)
            return [each async for each in items]

    assert [each["mean"] for each in asyncio.run(asked())] == [each["mean"] for each in found]
    frame = pd.DataFrame({"leads": leads, "follows": follows}, index=pd.Index(days(80)))
    wide = forecaster.forecast(frame, 1, multivariate=True)
    assert wide["unique_id"].tolist() == ["leads", "follows"]
    assert wide["mean"].tolist() == [each["mean"][0] for each in found]
    with pytest.raises(InvalidInput) as caught:
        list(forecaster.iter_forecast([leads, follows[1:]], 1, multivariate=True))
    assert caught.value.field.startswith(("series", "multivariate"))
