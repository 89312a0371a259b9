"""`unroll predict forecast`: files in; a table, a CSV file and a picture out."""

import csv
import datetime
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.serving.models.loader import TaskTypes
from app.tasks.forecast.task import ForecastTask
from tests.api.service import Service, running
from tests.cli.test_predict import run
from tests.client.servers import free_address
from tests.forecaster import write_still_version
from tests.training.forecast.test_own import monthly, wave

TASKS: TaskTypes = {"forecast": ForecastTask}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    root = tmp_path_factory.mktemp("models")
    write_still_version(root)
    with running(root, tasks=TASKS) as one:
        yield one


@pytest.fixture
def url(service: Service) -> str:
    return str(service.http.base_url)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return monthly(monthly(tmp_path / "data", "air", wave(60)), "sea", [5.0] * 40)


def predicted(*arguments: object, url: str) -> tuple[int, str, str]:
    code, out, err = run("forecast", *map(str, arguments), "--url", url, COLUMNS="80")
    return code, out, err


def test_a_table_of_every_series(url: str, data: Path) -> None:
    code, out, err = predicted(data, "--horizon", 3, url=url)
    assert code == 0, err
    assert "air.csv: utf-8" in err
    assert "x: 60 points, 2000-01-01 to 2004-12-01, frequency MS" in err
    for line in ("air-x", "sea-x", "2005-01-01", "2003-07-01", "answered by forecast 1"):
        assert line in out
    assert "10 %" in out


def test_a_file_and_a_picture(url: str, data: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    table, picture = tmp_path / "out.csv", tmp_path / "out.png"
    code, _, err = predicted(data, "--horizon", 3, "--out", table, "--picture", picture, url=url)
    assert code == 0, err
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["unique_id"] for row in rows] == ["air-x"] * 3 + ["sea-x"] * 3
    assert rows[0]["ds"] == "2005-01-01T00:00:00"
    assert float(rows[3]["q0.5"]) == pytest.approx(5.0)
    assert set(rows[0]) == {"unique_id", "ds", "mean", "q0.1", "q0.5", "q0.9"}
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_columns_of_covariates_are_sent_with_their_future(url: str, tmp_path: Path) -> None:
    """The network stands still: what moves the forecast is the promotion."""
    rows = ["ds,y,promotion,weather"]
    for day in range(62):
        value = "" if day >= 60 else str(50 + day % 3 + 20 * (day % 5 == 0))
        weather = "" if day >= 60 else ("wet" if day % 7 else "dry")
        date = datetime.date(2024, 1, 1) + datetime.timedelta(days=day)
        rows.append(f"{date},{value},{'yes' if day % 5 == 0 else 'no'},{weather}")
    file = tmp_path / "sales.csv"
    file.write_text("\n".join(rows))
    asked = [file, "--target", "y", "--covariate", "promotion", "--covariate", "weather", "--json"]
    code, out, err = predicted(*asked, "--holidays", "DE", url=url)
    assert code == 0, err
    assert "2 covariates, 2 steps ahead" in err
    [one] = json.loads(out)["forecasts"]
    assert len(one["mean"]) == 2
    assert set(one["covariates"]["contributions"]) >= {"promotion", "weather", "holidays"}
    assert one["median"][0] - one["median"][1] > 10
    code, _, err = predicted(*asked, "--horizon", 3, url=url)
    assert code == 2
    assert "promotion is known for 2 steps ahead, and 3 are asked for" in " ".join(err.split())
    code, _, err = predicted(file, "--covariate", "price", url=url)
    assert code == 1
    assert "there is no column 'price'" in err


def test_json_names_the_series_and_horizons_are_their_own(url: str, data: Path) -> None:
    monthly(data, "tiny", [1.0, 2.0, 3.0])
    code, out, _ = predicted(data, "--json", url=url)
    assert code == 0
    answer = json.loads(out)
    assert (answer["model"], answer["version"]) == ("forecast", "1")
    steps = {one["series"]: len(one["mean"]) for one in answer["forecasts"]}
    assert steps == {"air-x": 12, "sea-x": 10, "tiny-x": 1}


def test_gaps_are_sent_as_missing_and_long_series_by_their_end(url: str, tmp_path: Path) -> None:
    days = [f"2000-01-01 {hour:02}:00,1" for hour in range(24)]
    (tmp_path / "gap.csv").write_text("\n".join(["time,x", *days[:9], *days[11:]]))
    code, out, _ = predicted(tmp_path / "gap.csv", "--json", "--horizon", 1, url=url)
    assert code == 0
    [one] = json.loads(out)["forecasts"]
    assert one["imputed"] == 2
    assert one["timestamps"] == ["2000-01-02T00:00:00"]
    (tmp_path / "long.csv").write_text("x\n" + "1.5\n2.5\n" * 4000)
    code, out, _ = predicted(tmp_path / "long.csv", "--json", "--horizon", 1, url=url)
    assert code == 0
    monthly(tmp_path / "old", "old", [1.5, 2.5] * 1200)
    _, out, _ = predicted(tmp_path / "old", "--json", "--horizon", 1, url=url)
    assert json.loads(out)["forecasts"][0]["timestamps"] == ["2200-01-01T00:00:00"]


def test_options_of_the_reader_reach_it(url: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("when;v;w\n" + "".join(f"{i};1,5;2\n" for i in range(9)))
    code, out, _ = predicted(
        tmp_path / "a.csv", "--target", "v", "--time", "none", "--frequency", "D", "--json", url=url
    )
    assert code == 0
    assert [one["series"] for one in json.loads(out)["forecasts"]] == ["a-v"]


def test_what_goes_wrong_is_one_line(url: str, data: Path, tmp_path: Path) -> None:
    def line(*arguments: object, at: str = url) -> str:
        code, out, err = predicted(*arguments, url=at)
        assert code != 0
        assert out == ""
        return err.strip().splitlines()[-1]

    assert "is no CSV or Parquet file" in line(tmp_path / "absent")
    (tmp_path / "bad.csv").write_text("date,x\n2020-01-01,1\n2020-02-01,2,3\n")
    assert line(tmp_path / "bad.csv").startswith("bad.csv, line 3")
    assert "--decimal" in line(data, "--decimal", ";")
    assert "horizon" in line(data, "--horizon", 5000)
    assert "no forecast model 'other'" in line(data, "--model", "other")
    assert "cannot be written" in line(data, "--out", tmp_path / "no" / "out.csv")
    assert "nobody answers" in line(data, at=free_address())
