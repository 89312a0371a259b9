"""2 GiB are enough, whatever is sent, without API keys and with them. Only with `--attack`.

Where control groups can be made the service runs in one with that limit from its beginning, as in a
container, and is killed when it takes more; elsewhere its memory is looked at.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.attack import heads, images
from tests.attack.attack import Target, head
from tests.attack.bodies import FIELDS, FILLINGS
from tests.attack.service import Attacked, attacked, write_models
from tests.attack.test_attacks import ATTACKS

LIMIT = 2 * 2**30
TOGETHER = 3
KEY = "a-key-of-the-attacker"
RIGHT = f"X-API-Key: {KEY}"
SHARE = 10  # each filling is sent in every tenth field, other ones each time
FILES: dict[str, Callable[[], bytes]] = {
    "image/png": lambda: images.png(7000, 7000),
    "image/jpeg": lambda: images.jpeg_of_scans(12, 7000),
    "image/webp": images.largest_webp,
}
_VERSION_1 = Path("/sys/fs/cgroup/memory")
_VERSION_2 = Path("/sys/fs/cgroup")


@pytest.fixture
def group() -> Iterator[Path | None]:
    """The folder of a new control group with the limit; None where there can be none."""
    first = _VERSION_1.is_dir()
    folder = (_VERSION_1 if first else _VERSION_2) / f"unroll-attack-{os.getpid()}"
    try:
        folder.mkdir()
        limit = folder / ("memory.limit_in_bytes" if first else "memory.max")
        limit.write_text(str(LIMIT), encoding="ascii")
    except OSError:
        yield None
        return
    yield folder
    folder.rmdir()


@contextmanager
def limited(
    root: Path, settings: dict[str, str], group: Path | None, capsys: pytest.CaptureFixture[str]
) -> Iterator[Attacked]:
    """A service in the group; tells at the end how much memory it took at the most."""
    write_models(root)
    with attacked(root, settings, group) as service:
        yield service
        assert service.process.poll() is None, "it has ended"
        most = service.resident(most=True)
        told = f"resident at most {most / 2**20:.0f} MiB"
        for name in ("memory.max_usage_in_bytes", "memory.peak"):
            if group is not None and (group / name).is_file():
                held = int((group / name).read_text(encoding="ascii"))
                told += f"; in a group of 2 GiB, of which {held / 2**20:.0f} MiB were taken"
        with capsys.disabled():
            print(f"\n{told}")
        assert most < LIMIT
        service.process.kill()
        service.process.wait()


def _send(target: Target, path: str, kind: str, content: bytes, lines: Sequence[str]) -> list[int]:
    length = f"Content-Length: {len(content)}"
    kind = f"Content-Type: {kind}"
    return target.send(head("POST", path, length, kind, *lines, "Connection: close"), content)


def _send_everything(service: Attacked, lines: Sequence[str]) -> set[int]:
    """Every kind of body, three at a time, with these headers; the statuses."""
    found: set[int] = set()
    target = service.target
    with ThreadPoolExecutor(TOGETHER) as threads:
        for turn, (filling, make) in enumerate(FILLINGS.items()):
            content = make()

            def ask(number: int, content: bytes = content) -> list[int]:
                field = FIELDS[number]
                body = field.content(content)
                return _send(target, field.path, "application/json", body, lines)

            for statuses in threads.map(ask, range(turn % SHARE, len(FIELDS), SHARE)):
                found.update(statuses)
            assert service.process.poll() is None, f"it has ended: {filling}"
        for kind, make in FILES.items():
            content = make()

            def show(_: int, kind: str = kind, content: bytes = content) -> list[int]:
                return _send(target, "/caption", kind, content, lines)

            for statuses in threads.map(show, range(2 * TOGETHER)):
                found.update(statuses)
            assert service.process.poll() is None, f"it has ended: {kind}"
    return found


@pytest.fixture(autouse=True)
def _only_if_wanted(pytestconfig: pytest.Config) -> None:
    if not pytestconfig.getoption("--attack"):
        pytest.skip("takes half an hour: make attack")


def test_known_attacks_in_two_gibibytes(
    tmp_path: Path, group: Path | None, capsys: pytest.CaptureFixture[str]
) -> None:
    with limited(tmp_path, {}, group, capsys) as service:
        for attack in ATTACKS:
            if not attack.settings and not attack.long:
                list(attack.run(service.target))
                assert service.process.poll() is None, f"it has ended: {attack.name}"


def test_bodies_in_two_gibibytes_without_keys(
    tmp_path: Path, group: Path | None, capsys: pytest.CaptureFixture[str]
) -> None:
    with limited(tmp_path, {}, group, capsys) as service:
        assert {200, 422} <= _send_everything(service, ())


def test_bodies_in_two_gibibytes_with_keys(
    tmp_path: Path, group: Path | None, capsys: pytest.CaptureFixture[str]
) -> None:
    with limited(tmp_path, {"UNROLL_API_KEYS": KEY}, group, capsys) as service:
        for attack in heads.ATTACKS:
            list(attack.run(service.target))
            assert service.process.poll() is None, f"it has ended: {attack.name}"
        for lines in ((), ("X-API-Key: another",)):
            assert _send_everything(service, lines) == {401}
        assert {200, 422} <= _send_everything(service, (RIGHT,))
