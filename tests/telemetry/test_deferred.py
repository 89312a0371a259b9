"""Deferred work is done soon, in order, once; and at once for whoever asks."""

import threading

from app.telemetry.deferred import defer, run_deferred


def test_it_is_done_without_being_asked_for() -> None:
    done = threading.Event()
    defer(done.set)
    assert done.wait(10)


def test_it_is_done_in_order_by_whoever_asks() -> None:
    found: list[int] = []
    for number in range(1000):
        defer(found.append, number)
    run_deferred()
    assert found == list(range(1000))


def test_what_fails_or_asks_itself_harms_no_other() -> None:
    found: list[str] = []
    defer(found.append, "before")
    defer(int, "no number")
    defer(run_deferred)
    defer(found.append, "after")
    run_deferred()
    assert found == ["before", "after"]


def test_nothing_is_lost_or_done_twice_when_many_defer() -> None:
    found: list[tuple[str, int]] = []

    def add(name: str) -> None:
        for number in range(10_000):
            defer(found.append, (name, number))

    threads = [threading.Thread(target=add, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    run_deferred()
    for name in "abc":
        assert [each for each in found if each[0] == name] == [(name, n) for n in range(10_000)]
