"""Who is let in, in which order, and when a flood begins and ends: on a clock that is a number."""

import asyncio
from typing import Any

import pytest

from app.http.dispatch import Dispatcher
from tests.http.load import READING, Machine

COST = 0.001
CAPACITY = 1 / (COST * (1 + READING))  # requests a second


class Noted:
    """A request that notes when it starts."""

    def __init__(self, name: int, started: list[int]) -> None:
        self.scope: dict[str, Any] = {}
        self.arrived = 0.0
        self.name = name
        self.started = started

    def run(self) -> None:
        self.started.append(self.name)


async def settle(rounds: int) -> None:
    for _ in range(rounds):
        await asyncio.sleep(0)


def test_requests_start_in_their_order() -> None:
    async def run() -> list[int]:
        started: list[int] = []
        dispatcher = Dispatcher(lambda *_: None)
        for name in range(500):
            dispatcher.submit(Noted(name, started))
        assert started == []
        assert dispatcher.waiting == 500
        await settle(500)
        return started

    assert asyncio.run(run()) == list(range(500))


@pytest.mark.parametrize(("cost", "most"), [(0.0001, 64), (0.001, 8), (0.1, 1)])
def test_a_round_is_as_long_as_its_requests_cost(cost: float, most: int) -> None:
    """A few milliseconds, so that sockets are looked at again."""
    machine = Machine(cost)
    sizes: list[int] = []

    async def run() -> None:
        for _ in range(1000):
            machine.send()
        waiting = machine.dispatcher.waiting
        while waiting:
            await asyncio.sleep(0)
            if machine.dispatcher.waiting != waiting:
                sizes.append(waiting - machine.dispatcher.waiting)
                waiting = machine.dispatcher.waiting

    asyncio.run(run())
    *settled, _ = sizes[-6:]
    assert most * 0.7 <= min(settled) <= max(settled) <= most
    assert sum(sizes) == 1000


def test_what_can_be_answered_in_the_call_starts_no_task() -> None:
    async def run() -> list[int]:
        started: list[int] = []
        dispatcher = Dispatcher(
            lambda *_: None, lambda all_: [each for each in all_ if each.name % 2]
        )
        for name in range(10):
            dispatcher.submit(Noted(name, started))
        await settle(500)
        return started

    assert asyncio.run(run()) == [1, 3, 5, 7, 9]


def test_what_fails_in_the_call_is_left_to_tasks() -> None:
    def fail(_: Any) -> Any:
        raise ZeroDivisionError

    async def run() -> list[int]:
        started: list[int] = []
        dispatcher = Dispatcher(lambda *_: None, fail)
        for name in range(3):
            dispatcher.submit(Noted(name, started))
        await asyncio.sleep(0.01)
        return started

    assert asyncio.run(run()) == [0, 1, 2]


def test_who_refuses_is_told_what_is_asked_and_what_waits() -> None:
    async def run() -> None:
        dispatcher = Dispatcher(
            lambda path, headers, load: b"%b, %d waiting" % (path.encode(), load.waiting)
        )
        dispatcher.submit(Noted(1, []))
        assert dispatcher.refusal("/forecast", []) == b"/forecast, 1 waiting"
        assert dispatcher.waiting == 1, "who is refused does not wait"

    asyncio.run(run())


def test_what_has_not_begun_is_counted_until_it_has() -> None:
    """Heads that come between the start of a round and its tasks are let in by that number."""
    counts: list[int] = []

    class Begun(Noted):
        def run(self) -> None:
            asyncio.get_running_loop().call_soon(lambda: counts.append(dispatcher.waiting))

    def come() -> None:
        counts.append(dispatcher.waiting)

    async def run() -> None:
        for name in range(4):
            dispatcher.submit(Begun(name, []))
        asyncio.get_running_loop().call_soon(come)  # after the round has begun, before its tasks
        await settle(20)

    dispatcher = Dispatcher(lambda *_: None)
    asyncio.run(run())
    assert counts == [4] * 5
    assert dispatcher.waiting == 0


@pytest.mark.parametrize("patience", [0.25, 1.0, 30.0])
@pytest.mark.parametrize("load", [0.5, 0.8])
def test_what_can_be_answered_is_let_in(patience: float, load: float) -> None:
    machine = Machine(COST)
    result = machine.poisson(load * CAPACITY, patience, 0.0, 5.0)
    machine.run(6.0)
    assert result.refused == []


@pytest.mark.parametrize("count", [1, 8, 32])
def test_few_clients_who_wait_for_their_answers_are_let_in(count: int) -> None:
    machine = Machine(COST / 5)
    result = machine.clients(count, patience=0.25)
    machine.run(2.0)
    assert result.refused == []


def test_a_burst_is_let_in_as_far_as_it_can_be_answered_in_time() -> None:
    machine = Machine(COST)
    warm = machine.poisson(100, 1.0, 0.0, 1.0)
    burst = machine.poisson(1e6, 1.0, 1.0, 1.001)
    machine.run(4.0)
    assert warm.refused == []
    assert 400 <= len(burst.answered) <= 600
    assert len(burst.answered) + len(burst.refused) > 900
    assert burst.slowest() < 1.0


@pytest.mark.parametrize("patience", [0.25, 1.0, 5.0])
@pytest.mark.parametrize("count", [1000, 5000])
def test_a_standing_queue_is_refused_however_many_stand_in_it(count: int, patience: float) -> None:
    machine = Machine(COST)
    result = machine.clients(count, patience, rate=2 * CAPACITY)
    machine.run(5.0)
    assert 0.4 < result.share(2.0) < 0.8
    assert result.slowest(2.0) < max(0.05, 0.25 * patience)
    answered = sum(at >= 2.0 for at, _ in result.answered)
    assert answered > 0.6 * 3.0 * CAPACITY


def test_a_standing_queue_is_refused_however_long_its_clients_would_wait() -> None:
    """Who has half a minute may stand for a while, but not for ever."""
    machine = Machine(COST * 5)
    result = machine.clients(500, 30.0, rate=2 * CAPACITY / 5)
    machine.run(25.0)
    assert result.refused
    assert result.slowest(22.0) < 0.5


def test_few_clients_in_a_flood_are_refused_if_their_time_is_short() -> None:
    machine = Machine(COST)
    result = machine.clients(100, 0.25, rate=2 * CAPACITY)
    machine.run(4.0)
    assert result.share(1.0) > 0.3
    assert result.slowest(1.0) < 0.1


def test_clients_that_come_back_at_once_do_not_keep_the_others_from_being_answered() -> None:
    """Reading and refusing take a part of the time only, however many are refused."""
    machine = Machine(COST / 5)
    result = machine.clients(500, patience=0.5)
    machine.run(3.0)
    answered = sum(at >= 1.0 for at, _ in result.answered)
    assert result.share(1.0) > 0.5
    assert answered > 0.2 * 2.0 * CAPACITY * 5
    assert result.slowest(1.0) < 0.25


@pytest.mark.parametrize("patience", [1.0, 2.0, 30.0])
def test_a_queue_that_shrinks_after_a_stall_refuses_nobody(patience: float) -> None:
    machine = Machine(COST)
    result = machine.poisson(0.5 * CAPACITY, patience, 0.0, 5.0)
    machine.at(2.0, lambda: machine.stall(0.3))
    machine.run(6.0)
    assert result.refused == []
    assert result.slowest(2.0) > 0.1


@pytest.mark.parametrize("patience", [0.5, 1.0, 30.0])
def test_a_stall_in_a_round_does_not_make_requests_look_dearer(patience: float) -> None:
    machine = Machine(COST)
    result = machine.poisson(0.5 * CAPACITY, patience, 0.0, 5.0)
    machine.at(2.0, lambda: machine.stall_in_a_round(0.3))
    machine.run(6.0)
    assert result.refused == []
    assert result.slowest(2.0) > 0.1


def test_one_client_of_little_patience_is_refused_alone() -> None:
    machine = Machine(COST)
    others = machine.clients(60, 30.0)
    hasty = machine.clients(1, 0.1)
    machine.run(4.0)
    assert others.refused == []
    assert hasty.share(1.0) > 0.9


@pytest.mark.parametrize("patience", [0.25, 2.0])
def test_a_flood_ends_with_the_load(patience: float) -> None:
    machine = Machine(COST)
    flood = machine.clients(1000, patience, rate=3 * CAPACITY, end=2.0)
    rest = machine.poisson(0.5 * CAPACITY, patience, 0.0, 6.0)
    machine.run(7.0)
    assert flood.refused
    assert not [at for at in rest.refused if at > 3.0]
