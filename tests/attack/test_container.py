"""2 GiB are enough, whatever is sent, without API keys and with them. Only with `--attack`.

Where control groups can be made the service runs in one with that limit, as a container would, and
is killed when it takes more; elsewhere its memory is looked at.
"""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.attack import images
from tests.attack.attack import Target, head
from tests.attack.bodies import FIELDS, FILLINGS
from tests.attack.conftest import Serve
from tests.attack.service import Attacked

LIMIT = 2 * 2**30
TOGETHER = 3
KEY = "a-key-of-the-attacker"
_VERSION_1 = Path("/sys/fs/cgroup/memory")
_VERSION_2 = Path("/sys/fs/cgroup")
SETTINGS = [{}, {"UNROLL_API_KEYS": KEY}]
FILES: dict[str, Callable[[], bytes]] = {
    "image/png": lambda: images.png(7000, 7000),
    "image/jpeg": lambda: images.jpeg_of_scans(12, 7000),
    "image/webp": images.largest_webp,
}


@contextmanager
def limited(service: Attacked) -> Iterator[bool]:
    """Put the service into a control group of its own; yields whether that was possible."""
    first = _VERSION_1.is_dir()
    group = (_VERSION_1 if first else _VERSION_2) / f"unroll-attack-{os.getpid()}"
    try:
        group.mkdir()
        limit = group / ("memory.limit_in_bytes" if first else "memory.max")
        limit.write_text(str(LIMIT), encoding="ascii")
        (group / "cgroup.procs").write_text(str(service.process.pid), encoding="ascii")
    except OSError:
        yield False
        return
    try:
        yield True
    finally:
        (group.parent / "cgroup.procs").write_text(str(service.process.pid), encoding="ascii")
        group.rmdir()


def _send(target: Target, path: str, kind: str, content: bytes) -> list[int]:
    lines = (f"Content-Length: {len(content)}", f"Content-Type: {kind}", f"X-API-Key: {KEY}")
    return target.send(head("POST", path, *lines, "Connection: close"), content)


@pytest.mark.parametrize("settings", SETTINGS, ids=["without keys", "with keys"])
def test_two_gibibytes_are_enough(
    serve: Serve, request: pytest.FixtureRequest, settings: dict[str, str]
) -> None:
    if not request.config.getoption("--attack"):
        pytest.skip("takes half an hour: make attack")
    service = serve(settings)
    service.forget_most()
    with limited(service) as is_limited, ThreadPoolExecutor(TOGETHER) as threads:
        for filling, make in FILLINGS.items():
            content = make()
            bodies = [(field.path, "application/json", field) for field in FIELDS]
            for _ in threads.map(
                lambda each, content=content: _send(
                    service.target, each[0], each[1], each[2].content(content)
                ),
                bodies,
            ):
                pass
            assert service.process.poll() is None, f"it has ended: {filling}"
        for kind, make in FILES.items():
            content = make()
            files = [content] * (2 * TOGETHER)
            answered = list(
                threads.map(
                    lambda file, kind=kind: _send(service.target, "/caption", kind, file), files
                )
            )
            assert service.process.poll() is None, f"it has ended: {kind}"
            assert answered
        most = service.resident(most=True)
    print(f"\nat most {most / 2**20:.0f} MiB; in a group of 2 GiB: {is_limited}")
    assert most < LIMIT
