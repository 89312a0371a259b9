"""Large bodies where there is little memory: refused as such, nothing hangs, others are answered.

Runs against the real service in a process. With `make attack` only.
"""

import resource
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.attack.conftest import Serve
from tests.attack.watch import is_alive

SPARE = 100 * 2**20  # bytes that the service may take besides those that it has


def test_large_bodies_in_little_memory(serve: Serve, pytestconfig: pytest.Config) -> None:
    if not pytestconfig.getoption("--attack"):
        pytest.skip("it takes --attack")
    service = serve({"UNROLL_REQUEST_TIMEOUT_SECONDS": "20"})
    pid = service.process.pid
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[0])
    most = pages * resource.getpagesize() + SPARE
    resource.prlimit(pid, resource.RLIMIT_AS, (most, resource.RLIM_INFINITY))
    large = b'{"series": [' + b"1," * 8_000_000 + b'1], "horizon": 2}'
    small = b'{"series": [1, 2, 3], "horizon": 2}'
    with ThreadPoolExecutor(32) as clients:
        bodies = [small, small, small, large] * 16
        answers = list(clients.map(lambda body: service.target.post("/forecast", body), bodies))
    found = [status for each in answers for status in each]
    assert len(found) == len(bodies)
    assert set(found) <= {200, 422, 429, 503}
    assert found.count(200) >= 40
    assert is_alive(service.target.port)
