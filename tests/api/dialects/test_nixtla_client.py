"""The client that Nixtla publishes, as it is on PyPI, against a service in a process of its own."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests import fresh
from tests.forecaster import write_still_version
from tests.http.test_server import ROOT, address_of

nixtla = pytest.importorskip("nixtla", reason="Nixtla's client is not installed")
KEY = "a-key-of-24-characters-00"


@pytest.fixture(name="url", scope="module")
def service_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    root: Path = tmp_path_factory.mktemp("nixtla")
    write_still_version(root)
    variables = {
        "UNROLL_MODELS_DIR": str(root),
        "UNROLL_PORT": "0",
        "UNROLL_WORKER_THREADS": "1",
        "UNROLL_LOG_FORMAT": "json",
        "UNROLL_API_KEYS": KEY,
    }
    command = [sys.executable, "-m", "app", "serve"]
    with subprocess.Popen(
        command, cwd=ROOT, env=os.environ | variables, stderr=subprocess.PIPE, text=True
    ) as child:
        try:
            yield address_of(child)
        finally:
            child.terminate()
            child.communicate(timeout=30)


def client(url: str, key: str = KEY) -> Any:
    return nixtla.NixtlaClient(api_key=key, base_url=url, max_retries=1)


def frame(*sizes: int, **columns: Any) -> pd.DataFrame:
    """Series `a`, `b` ... of so many days, the columns `unique_id`, `ds`, `y` and more."""
    parts = [
        pd.DataFrame(
            {
                "unique_id": chr(ord("a") + number),
                "ds": pd.date_range("2024-01-01", periods=size, freq="D"),
                "y": 10.0 * (number + 1) + np.arange(size) % 7,
            }
        )
        for number, size in enumerate(sizes)
    ]
    return pd.concat(parts, ignore_index=True).assign(**columns)


def plainly(url: str, table: pd.DataFrame, horizon: int, levels: list[float]) -> list[Any]:
    """What POST /forecast answers to the same."""
    series = [group["y"].tolist() for _, group in table.groupby("unique_id")]
    body = {"series": series, "horizon": horizon, "frequency": "D", "quantiles": levels}
    headers = {"Authorization": f"Bearer {KEY}"}
    response = fresh.post(f"{url}/forecast", json=body, headers=headers)
    found: list[Any] = response.json()["forecasts"]
    return found


def test_the_key_is_validated(url: str) -> None:
    assert client(url).validate_api_key()
    assert not client(url, "another-key-of-24-characters").validate_api_key()


def test_a_forecast(url: str) -> None:
    table = frame(40, 25)
    answer = client(url).forecast(table, h=3, freq="D", level=[80, 99.5])
    assert list(answer.columns) == [
        *("unique_id", "ds", "TimeGPT"),
        *("TimeGPT-hi-80", "TimeGPT-hi-99.5", "TimeGPT-lo-80", "TimeGPT-lo-99.5"),
    ]
    assert list(answer["unique_id"]) == ["a"] * 3 + ["b"] * 3
    assert answer["ds"].iloc[[0, 3]].tolist() == [
        pd.Timestamp("2024-02-10"),
        pd.Timestamp("2024-01-26"),
    ]
    plain = plainly(url, table, 3, [0.1, 0.9])
    for column, path in (("", "mean"), ("-lo-80", "0.1"), ("-hi-80", "0.9")):
        known = [each["mean"] if path == "mean" else each["quantiles"][path] for each in plain]
        assert answer[f"TimeGPT{column}"].tolist() == pytest.approx(np.concatenate(known), rel=1e-5)


def test_quantiles_and_an_inferred_frequency(url: str) -> None:
    table = frame(40)
    answer = client(url).forecast(table, h=2, quantiles=[0.1, 0.5, 0.9])
    (plain,) = plainly(url, table, 2, [0.1, 0.9])
    assert answer["TimeGPT-q-10"].tolist() == pytest.approx(plain["quantiles"]["0.1"], rel=1e-5)
    assert answer["TimeGPT-q-90"].tolist() == pytest.approx(plain["quantiles"]["0.9"], rel=1e-5)


def test_one_series_without_a_name(url: str) -> None:
    table = frame(40).drop(columns="unique_id")
    answer = client(url).forecast(table, h=2, freq="D")
    assert list(answer.columns) == ["ds", "TimeGPT"]


def test_more_than_a_mebibyte(url: str) -> None:
    """The client packs what is larger."""
    table = frame(*[100] * 1000)
    table["unique_id"] = np.repeat([f"series-{number:04}" for number in range(1000)], 100)
    table["y"] = np.random.default_rng(0).normal(0, 0.001, len(table))
    assert sum(len(str(value)) + 1 for value in table["y"].to_numpy(np.float32)) > 1.02 * 2**20
    answer = client(url).forecast(table, h=2, freq="D")
    assert len(answer) == 2000
    assert answer["TimeGPT"].between(-0.01, 0.01).all()


def test_partitions(url: str) -> None:
    table = frame(40, 25, 30)
    whole = client(url).forecast(table, h=2, freq="D", level=[80])
    parts = client(url).forecast(table, h=2, freq="D", level=[80], num_partitions=2)
    pd.testing.assert_frame_equal(whole, parts)


def test_covariates(url: str) -> None:
    table = frame(60)
    sale = np.arange(62) % 5 == 0
    table["sale"] = sale[:60].astype(float)
    table["y"] += 20 * table["sale"]
    table["other"] = np.arange(60) % 2
    ahead = pd.date_range("2024-03-01", periods=2, freq="D")
    future = pd.DataFrame({"unique_id": "a", "ds": ahead, "sale": sale[60:].astype(float)})
    sent = client(url)
    answer = sent.forecast(
        table,
        X_df=future,
        h=2,
        freq="D",
        hist_exog_list=["other"],
        level=[80],
        feature_contributions=True,
    )
    assert answer["TimeGPT"][0] - answer["TimeGPT"][1] > 5
    columns = ["unique_id", "ds", "TimeGPT", "sale", "other", "base_value"]
    assert list(sent.feature_contributions.columns) == columns
    assert sent.feature_contributions["sale"][0] > 5


def test_covariates_of_what_is_known(url: str) -> None:
    table = frame(150)
    table["sale"] = (np.arange(150) % 5 == 0).astype(float)
    table["y"] += 20 * table["sale"]
    known = client(url).cross_validation(table, h=3, n_windows=2, freq="D")
    assert np.abs(known["TimeGPT"] - known["y"]).max() < 5
    without = client(url).cross_validation(table.drop(columns="sale"), h=3, n_windows=2, freq="D")
    assert np.abs(without["TimeGPT"] - without["y"]).max() > 10
    table["y"] += 50.0 * (np.arange(150) == 148)
    judged = client(url).detect_anomalies_online(
        table, h=1, detection_size=4, threshold_method="univariate", freq="D", level=99
    )
    assert judged["anomaly"].tolist() == [False, False, True, False]


def test_a_history(url: str) -> None:
    table = frame(40, 25)
    answer = client(url).forecast(table, h=3, freq="D", add_history=True)
    (last,) = plainly(url, table[table["unique_id"] == "a"], 3, [0.5])
    of_first = answer[answer["unique_id"] == "a"]
    assert of_first["TimeGPT"].tail(3).tolist() == pytest.approx(last["mean"], rel=1e-5)
    assert of_first["ds"].is_monotonic_increasing
    assert len(of_first) > 30


def test_cross_validation(url: str) -> None:
    table = frame(40, 25)
    answer = client(url).cross_validation(table, h=3, n_windows=2, freq="D", level=[80])
    assert len(answer) == 12
    of_first = answer[answer["unique_id"] == "a"]
    assert of_first["cutoff"].unique().tolist() == [
        pd.Timestamp("2024-02-03"),
        pd.Timestamp("2024-02-06"),
    ]
    assert of_first["y"].tolist() == table["y"][34:40].tolist()
    (known,) = plainly(url, table[:34], 3, [0.1, 0.9])
    assert of_first["TimeGPT"].head(3).tolist() == pytest.approx(known["mean"], rel=1e-5)
    low = of_first["TimeGPT-lo-80"].head(3).tolist()
    assert low == pytest.approx(known["quantiles"]["0.1"], rel=1e-5)


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_anomalies(url: str) -> None:
    table = frame(60, 50)
    table.loc[50, "y"] = 1000.0
    answer = client(url).detect_anomalies(table, freq="D", level=90)
    found = answer[answer["anomaly"]]
    assert (found["unique_id"].iloc[0], found["y"].iloc[0]) == ("a", 1000.0)
    assert {"TimeGPT", "TimeGPT-lo-90", "TimeGPT-hi-90"} <= {*answer.columns}


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_anomalies_at_the_end(url: str) -> None:
    table = frame(60, 50)
    table.loc[58, "y"] = 1000.0
    answer = client(url).detect_anomalies_online(
        table, h=2, detection_size=5, freq="D", level=99, step_size=1
    )
    assert len(answer) == 10
    row = answer[answer["y"] == 1000.0].iloc[0]
    assert bool(row["anomaly"])
    assert row["anomaly_score"] == answer["anomaly_score"].max()


def test_what_is_refused_says_why(url: str) -> None:
    table = frame(40)
    for options, told in (
        ({"finetune_steps": 5}, "not fine-tuned"),
        ({"finetuned_model_id": "mine"}, "finetuned_model_id"),
        ({"model": "timefree"}, "served: forecast"),
    ):
        with pytest.raises(Exception, match=told):
            client(url).forecast(table, h=2, freq="D", **options)
