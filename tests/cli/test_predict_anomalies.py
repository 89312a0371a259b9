"""`unroll predict anomalies`: files in; a table of what is unusual and a picture out."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.main import TASKS
from tests.api.service import Service, running
from tests.cli.test_predict import run
from tests.streamer import write_untrained_version
from tests.training.forecast.test_own import monthly, wave

SPIKE = 50


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    root = tmp_path_factory.mktemp("models")
    write_untrained_version(root)
    with running(root, tasks=TASKS) as one:
        yield one


@pytest.fixture
def url(service: Service) -> str:
    return str(service.http.base_url)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    values = list(wave(60))
    values[SPIKE] += 10_000
    return monthly(monthly(tmp_path / "data", "air", values), "sea", [5.0] * 40)


def predicted(*arguments: object, url: str) -> tuple[int, str, str]:
    return run("anomalies", *map(str, arguments), "--url", url, COLUMNS="100")


def test_a_table_of_what_is_unusual(url: str, data: Path) -> None:
    code, out, err = predicted(data, url=url)
    assert code == 0, err
    assert "x: 60 points, 2000-01-01 to 2004-12-01, frequency MS" in err
    for line in ("air-x", "sea-x", "2004-03-01", "1 of 60 values reach", "0 of 40 values reach"):
        assert line in out
    assert "answered by forecast-stream 1" in out


def test_a_threshold_decides_how_many(url: str, data: Path) -> None:
    marked = []
    for threshold in (0.01, 0.999):
        code, out, err = predicted(data, "--threshold", threshold, "--json", url=url)
        assert code == 0, err
        found = {each["series"]: each for each in json.loads(out)["results"]}
        assert found["air-x"]["threshold"] == threshold
        marked.append([each["index"] for each in found["air-x"]["anomalies"]])
    assert marked[1] == [SPIKE]
    assert set(marked[0]) > {SPIKE}


def test_a_picture(url: str, data: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    picture = tmp_path / "out.png"
    code, _, err = predicted(data, "--picture", picture, url=url)
    assert code == 0, err
    assert picture.read_bytes()[:4] == b"\x89PNG"


def test_what_is_wrong_is_told_in_one_line(url: str, tmp_path: Path) -> None:
    code, out, err = predicted(tmp_path / "none.csv", url=url)
    assert (code, out) == (2, "")
    assert "none.csv" in err
    assert "Traceback" not in err
