"""No request starts a thread: without memory for one, whoever starts it may wait for ever.

Runs against the real service in a process.
"""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.attack.conftest import Serve


def threads(pid: int) -> set[str]:
    return {each.name for each in Path(f"/proc/{pid}/task").iterdir()}


def test_no_request_starts_a_thread(serve: Serve) -> None:
    service = serve({"UNROLL_REQUEST_TIMEOUT_SECONDS": "60"})  # a process that nobody has asked yet
    before = threads(service.process.pid)
    long = {"series": list(range(20_000)), "horizon": 2}
    with ThreadPoolExecutor(16) as clients:
        answers = clients.map(lambda _: service.target.post("/forecast", long), range(32))
    assert {status for found in answers for status in found} == {200}
    assert threads(service.process.pid) <= before
