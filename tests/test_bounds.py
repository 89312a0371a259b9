"""Lower bounds of pyproject.toml are the versions that `make test-lowest` installs."""

import re
import tomllib
from pathlib import Path
from typing import Any, Final

import pytest

ROOT: Final = Path(__file__).resolve().parents[1]
PROJECT: Final[dict[str, Any]] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
EXTRAS: Final = ("train", "tracing", "redis", "ray", "dev")
DECLARED: Final = [
    *PROJECT["project"]["dependencies"],
    *(each for extra in EXTRAS for each in PROJECT["project"]["optional-dependencies"][extra]),
]


def same_name(name: str) -> str:
    """Names of packages that differ in case or in their separators are the same."""
    return re.sub(r"[-_.]+", "-", name).lower()


def installed() -> dict[str, str]:
    lines = (ROOT / "constraints-lowest.txt").read_text(encoding="utf-8").splitlines()
    pinned = [line.split("==") for line in lines if not line.startswith("#")]
    return {same_name(name): version for name, version in pinned}


@pytest.mark.parametrize("requirement", DECLARED)
def test_the_lowest_version_is_the_one_that_is_tested(requirement: str) -> None:
    """A bound of 1.19 stands for 1.19.0; a stub package counts its days behind."""
    match = re.match(r"([A-Za-z0-9._-]+)(?:\[\w+\])?[>=]=([0-9.]+)", requirement)
    assert match, "a dependency without a lower bound"
    bound = match[2].split(".")
    tested = installed()[same_name(match[1])].split(".")
    assert tested[: len(bound)] == bound
    assert all(each == "0" for each in tested[len(bound) : 3])
