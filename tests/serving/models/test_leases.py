"""After `drain` no lease is given out, and it returns when all leases are returned."""

import threading

from app.serving.models.leases import Leases

PATIENCE = 60.0  # seconds; a limit for what hangs, not a measure


def test_leases_are_waited_for() -> None:
    leases = Leases()
    assert leases.take()
    assert leases.take()
    seen: list[bool] = []
    waiter = threading.Thread(target=lambda: seen.append(leases.drain(PATIENCE)))
    waiter.start()
    while leases.take():  # until it drains
        leases.give_back()
    leases.give_back()
    assert waiter.is_alive()
    assert leases.held == 1
    leases.give_back()
    waiter.join(PATIENCE)
    assert seen == [True]


def test_the_wait_has_a_timeout() -> None:
    leases = Leases()
    assert leases.take()
    assert not leases.drain(0.01)
    assert not leases.take()
    leases.give_back()
    assert leases.drain(0)


def test_abandoning_ends_the_wait() -> None:
    leases = Leases()
    assert leases.take()
    leases.abandon()
    assert not leases.drain()
    assert not leases.take()


def test_without_leases_nothing_is_waited_for() -> None:
    assert Leases().drain(0)
