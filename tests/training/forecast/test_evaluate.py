"""The evaluation against a small real server whose forecasts are known, over a real socket."""

import json
import math
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.errors import UnrollError
from app.training.forecast.baselines import baseline_forecasts
from app.training.forecast.data import read_series
from app.training.forecast.evaluate import LEVELS, evaluate_forecast
from app.training.forecast.reports import forecast_table
from app.training.waves.evaluate import evaluate_waves, wave_table

SERIES, HORIZON = 40, 4


class NaiveServer(ThreadingHTTPServer):
    """Answers with the last value, and the last value times 2 * level as quantiles."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests: list[dict[str, Any]] = []
        self.busy = 0
        self.retry_after = "0.01"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: NaiveServer

    def do_GET(self) -> None:
        if self.path == "/models/last":
            self.reply(200, {"name": "last", "version": "3"})
        elif self.path == "/models/last/versions/3":
            self.reply(200, {"training": {}})
        else:
            self.reply(404, {"title": "Model not found", "detail": "there is no model"})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests.append(body)
        if self.server.busy:
            self.server.busy -= 1
            self.reply(429, {"title": "Busy", "detail": "full"})
            return
        forecasts = []
        for series in body["series"]:
            last = [value for value in series if value is not None][-1]
            flat = [last] * body["horizon"]
            quantiles = {str(q): [2 * q * value for value in flat] for q in body["quantiles"]}
            forecasts.append({"mean": flat, "quantiles": quantiles})
        self.reply(200, {"model": "last", "version": "3", "forecasts": forecasts})

    def reply(self, status: int, body: dict[str, Any]) -> None:
        payload = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(payload)))
        self.send_header("Retry-After", self.server.retry_after)
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[NaiveServer]:
    with NaiveServer() as one:
        thread = threading.Thread(target=one.serve_forever, args=(0.01,))
        thread.start()
        yield one
        one.shutdown()
        thread.join()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Forty noisy series of two frequencies, laid out as the M3 file is."""
    rng = np.random.default_rng(0)
    lengths = rng.integers(20, 40, SERIES)
    (tmp_path / "m3").mkdir()
    np.savez(
        tmp_path / "m3" / "m3.npz",
        ids=np.array([f"N{i}" for i in range(SERIES)]),
        train=rng.normal(100, 10, lengths.sum()).cumsum() / 10,
        train_offsets=np.cumsum([0, *lengths]),
        horizons=np.full(SERIES, HORIZON),
        period=np.array(["quarterly", "other"] * (SERIES // 2)),
        season=np.array([4, 1] * (SERIES // 2)),
    )
    return tmp_path


def test_a_served_naive_forecast_scores_as_naive(server: NaiveServer, data: Path) -> None:
    rows = evaluate_forecast("last", data, data, ["m3"], url=server.url)
    by = {(row.part, row.method): row for row in rows}
    parts = {one.part for one in read_series(data)} - {"select"}
    assert {row.part for row in rows} == {*parts, "report+unseen"}
    for part in (*parts, "report+unseen"):
        ours, naive = by[part, "last/3 mean"], by[part, "naive"]
        assert by[part, "last/3 median"].owa == ours.owa == pytest.approx(naive.owa)
        assert (ours.series, ours.smape, ours.mase) == (naive.series, naive.smape, naive.mase)
        assert by[part, "naive2"].owa == 1.0
        assert math.isnan(by[part, "naive2"].coverage_80)
        assert by[part, "naive"].coverage_95 >= by[part, "naive"].coverage_80
        # from 0.05 to 1.95 times the last value, which these series never leave
        assert ours.coverage_95 == 1.0
    assert json.loads(json.dumps([row.to_json() for row in rows], allow_nan=False))


def test_the_future_is_never_sent(server: NaiveServer, data: Path) -> None:
    evaluate_forecast("last", data, data, ["m3"], ["select"], url=server.url, baselines="none")
    sent = [series for request in server.requests for series in request["series"]]
    expected = {tuple(one.known()) for one in read_series(data) if one.part == "select"}
    assert {tuple(series) for series in sent} == expected
    for request in server.requests:
        assert request["horizon"] == HORIZON
        assert request["quantiles"] == list(LEVELS)
        assert "season_length" not in request
    assert {request.get("frequency") for request in server.requests} == {"QS", None}


def test_limit_and_progress(server: NaiveServer, data: Path) -> None:
    told: list[tuple[str, int]] = []
    rows = evaluate_forecast(
        "last",
        data,
        data,
        ["m3"],
        ["report"],
        url=server.url,
        limit=5,
        baselines="none",
        progress=lambda label, done: told.append((label, done)),
    )
    assert {row.series for row in rows} == {5}
    assert {row.method for row in rows} == {"last/3 median", "last/3 mean", "naive2"}
    assert told[0] == ("m3 last/3", 5)
    assert told[-1] == ("m3 naive2", 5)


def test_a_busy_server_is_asked_again(server: NaiveServer, data: Path) -> None:
    server.busy = 2
    assert evaluate_forecast("last", data, data, ["m3"], ["report"], url=server.url)
    server.busy, server.retry_after = 99, "3600"
    with pytest.raises(UnrollError, match=r"429.*full"):
        evaluate_forecast("last", data, data, ["m3"], ["report"], url=server.url)


def test_an_unknown_model_or_server_is_said_so(server: NaiveServer, data: Path) -> None:
    with pytest.raises(UnrollError, match=r"404.*no model"):
        evaluate_forecast("other", data, data, ["m3"], url=server.url)
    with pytest.raises(UnrollError, match="nobody answers at"):
        evaluate_forecast("last", data, data, ["m3"], url="http://127.0.0.1:1")
    with pytest.raises(UnrollError, match="other"):
        evaluate_forecast("other", data, data, ["m3"])


def test_table_shows_every_row(server: NaiveServer, data: Path) -> None:
    rows = evaluate_forecast("last", data, data, ["m3"], url=server.url)
    sections = len({(row.collection, row.part) for row in rows})
    assert forecast_table(rows).row_count == len(rows) + sections


def test_missing_values_are_sent_as_null(server: NaiveServer, tmp_path: Path) -> None:
    (tmp_path / "m3").mkdir()
    values = np.arange(1.0, 31.0)
    values[[3, 25, 28]] = math.nan
    np.savez(
        tmp_path / "m3" / "m3.npz",
        ids=np.array(["N1"]),
        train=values,
        train_offsets=np.array([0, 30]),
        horizons=np.array([4]),
        period=np.array(["other"]),
        season=np.array([1]),
    )
    (one,) = read_series(tmp_path)
    rows = evaluate_forecast("last", tmp_path, tmp_path, ["m3"], [one.part], url=server.url)
    assert server.requests[0]["series"][0][3] is None
    # the last known value, 25, is interpolated to 25 here and dropped by the server
    naive = baseline_forecasts([one], ["naive"])["naive"]["m3", "N1"]
    assert naive.mean[0] == 25.0
    assert all(math.isfinite(row.smape) for row in rows)


def test_waves(server: NaiveServer, tmp_path: Path) -> None:
    rows = evaluate_waves(tmp_path, "last", url=server.url, count=300, train_count=2000)
    naive, least_squares, ours = rows
    assert (ours.method, ours.series) == ("last/3", 300)
    assert ours.one_step == pytest.approx(naive.one_step)
    assert ours.ten_steps == pytest.approx(naive.ten_steps)
    assert ours.one_step_of_51 == pytest.approx(naive.one_step_of_51)
    assert abs(naive.one_step_of_51 - 0.0202) < 0.004  # the textbook's figure
    assert least_squares.one_step < 0.25 * naive.one_step
    assert least_squares.ten_steps < 0.2 * naive.ten_steps
    assert wave_table(rows).row_count == 3
    again = evaluate_waves(tmp_path, "last", url=server.url, count=300, train_count=2000)
    assert again == rows
