"""Nobody is let in once the door is shut, and whoever shut it can wait for those inside."""

import threading

from app.serving.models.leases import Leases

PATIENCE = 10.0


def test_those_inside_are_waited_for() -> None:
    leases = Leases()
    assert leases.take()
    assert leases.take()
    seen: list[bool] = []
    waiter = threading.Thread(target=lambda: seen.append(leases.drain(PATIENCE)))
    waiter.start()
    while leases.take():  # until it is shut
        leases.give_back()
    leases.give_back()
    assert waiter.is_alive()
    leases.give_back()
    waiter.join(PATIENCE)
    assert seen == [True]


def test_waiting_has_an_end() -> None:
    leases = Leases()
    assert leases.take()
    assert not leases.drain(0.01)
    assert not leases.take()
    leases.give_back()
    assert leases.drain(0)


def test_an_abandoned_door_is_not_waited_at() -> None:
    leases = Leases()
    assert leases.take()
    leases.abandon()
    assert not leases.drain()
    assert not leases.take()


def test_nobody_inside() -> None:
    assert Leases().drain(0)
