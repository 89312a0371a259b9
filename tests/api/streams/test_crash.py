"""Whatever is killed, no step that was answered is lost, and none is taken twice."""

import os
from pathlib import Path
from typing import Any, Final

import pytest

from tests.api.streams.crash import Report, crash_test
from tests.serving.streams.stores import NO_REDIS, REDIS, redis_server

KILLS: Final = int(os.environ.get("CRASHES", "2"))  # of each test


def check(report: Report) -> None:
    assert not report.refused
    assert (report.lost, report.twice, report.different) == (0, 0, 0), report
    assert report.steps > 0
    assert report.kills == KILLS


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"workers": 2}, {"services": 2}], ids=str)
def test_sqlite_outlives_its_processes(tmp_path: Path, options: dict[str, Any]) -> None:
    check(crash_test(tmp_path, kills=KILLS, **options))


@pytest.mark.slow
@pytest.mark.skipif(REDIS is None, reason=NO_REDIS)
def test_two_services_share_a_redis(tmp_path: Path) -> None:
    (tmp_path / "redis").mkdir()
    with redis_server(tmp_path / "redis") as url:
        check(crash_test(tmp_path, kills=KILLS, services=2, url=url))
