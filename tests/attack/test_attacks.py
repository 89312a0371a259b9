"""Nobody brings the service down: each known attack, with what it may cost and is answered."""

import time
from itertools import chain

import pytest

from tests import fresh
from tests.attack import bodies, connections, heads, images, states, values
from tests.attack.attack import Attack
from tests.attack.conftest import Serve

MODULES = (heads, connections, bodies, images, states, values)
ATTACKS: list[Attack] = [*chain.from_iterable(each.ATTACKS for each in MODULES)]
SLOWEST_SECONDS = 20.0  # for an answer of /health/live, by the clock, on however busy a machine

pytestmark = pytest.mark.slow


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    chosen = [each for each in ATTACKS if metafunc.config.getoption("--attack") or not each.long]
    if "attack" in metafunc.fixturenames:
        metafunc.parametrize("attack", chosen, ids=[each.name for each in chosen])


def test_the_service_survives(serve: Serve, attack: Attack) -> None:
    service = serve(attack.settings)
    with service.measured() as measured:
        began = time.monotonic()
        answered = list(attack.run(service.target))
        seconds = time.monotonic() - began
    print(
        f"\n{attack.name}: {sorted(set(answered))} in {seconds:.2f} s; alive in "
        f"{measured.slowest * 1000:.0f} ms at most, {measured.stall * 1000:.0f} ms of them "
        f"computing; {measured.grown / 2**20:.0f} MiB more"
    )
    assert service.process.poll() is None, "it has ended"
    assert set(answered) <= set(attack.statuses)
    assert bool(answered) == bool(attack.statuses)
    assert measured.failed == 0
    assert measured.stall <= attack.stall_seconds
    assert measured.slowest <= SLOWEST_SECONDS
    assert measured.grown <= attack.megabytes * 2**20
    assert seconds <= attack.seconds
    _still_answers(service.target.port, attack.settings.get("UNROLL_API_KEYS", ""))


def _still_answers(port: int, key: str) -> None:
    address = f"http://127.0.0.1:{port}"
    assert fresh.get(f"{address}/health/ready", timeout=30).status_code == 200
    body = {"series": [1, 2, 3], "horizon": 2}
    headers = {"X-API-Key": key} if key else {}
    answer = fresh.post(f"{address}/forecast", json=body, headers=headers, timeout=30)
    assert answer.status_code == 200


def test_every_attack_has_a_name_of_its_own() -> None:
    names = [each.name for each in ATTACKS]
    assert len(set(names)) == len(names)
