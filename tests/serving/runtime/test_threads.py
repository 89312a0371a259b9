"""Quotas as kernels write them, in both cgroup versions."""

from pathlib import Path

import pytest

from app.serving.runtime.threads import available_threads, cpu_quota


def write(root: Path, **files: str) -> None:
    for name, content in files.items():
        path = root / name.replace("__", "/").replace("DOT", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content + "\n", encoding="utf-8")


@pytest.mark.parametrize(
    ("own", "files", "quota"),
    [
        ("0::/", {"cpuDOTmax": "150000 100000"}, 1.5),
        ("0::/", {"cpuDOTmax": "max 100000"}, None),
        ("0::/a/b", {"cpuDOTmax": "max 100000", "a__cpuDOTmax": "300000 100000"}, 3.0),
        ("0::/a/b", {"a__cpuDOTmax": "300000 100000", "a__b__cpuDOTmax": "50000 100000"}, 0.5),
        ("0::/of/the/host", {"cpuDOTmax": "200000 100000"}, 2.0),
        ("0::/", {"cpuDOTmax": "nonsense"}, None),
        (
            "3:cpu,cpuacct:/box\n1:name=systemd:/",
            {
                "cpu,cpuacct__box__cpuDOTcfs_quota_us": "250000",
                "cpu,cpuacct__box__cpuDOTcfs_period_us": "100000",
            },
            2.5,
        ),
        ("3:cpu:/", {"cpu__cpuDOTcfs_quota_us": "-1", "cpu__cpuDOTcfs_period_us": "100000"}, None),
        ("3:cpu:/", {"cpu__cpuDOTcfs_quota_us": "5", "cpu__cpuDOTcfs_period_us": "0"}, None),
    ],
)
def test_cpu_quota(tmp_path: Path, own: str, files: dict[str, str], quota: float | None) -> None:
    root = tmp_path / "cgroup"
    write(root, **files)
    (tmp_path / "own").write_text(own, encoding="utf-8")
    assert cpu_quota(root, tmp_path / "own") == quota


def test_without_cgroups_there_is_no_quota(tmp_path: Path) -> None:
    assert cpu_quota(tmp_path / "none", tmp_path / "none") is None


def test_there_is_always_a_thread() -> None:
    assert available_threads() >= 1
