"""What a cost table learns, from costs that are known."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.serving.scheduling.cost_table import CostTable
from app.serving.scheduling.costs import Costs, Measured, measure, timed
from tests.serving.scheduling.workers import Item


def kernel(length: int, rows: int) -> float:
    """As an LSTM on a processor: a fixed part, and rows that are nearly free up to four."""
    return 30e-6 + length * (10e-6 + 2e-6 * rows + 8e-6 * max(0, rows - 4))


def taught() -> CostTable:
    table = CostTable(8)
    table.fill(
        {(length, rows): kernel(length, rows) for length in (7, 90) for rows in (1, 2, 4, 8)}
    )
    return table


@pytest.mark.parametrize("rows", [1, 2, 3, 4, 6, 8])
@pytest.mark.parametrize("length", [7, 15, 30, 100, 200, 1000])
def test_a_few_points_tell_the_whole_table(length: int, rows: int) -> None:
    assert taught().seconds(length, rows) == pytest.approx(kernel(length, rows), rel=0.01)


def test_the_share_is_that_of_the_best_batch() -> None:
    best = min(kernel(64, rows) / rows for rows in (1, 2, 4, 8))
    assert taught().share(64) == pytest.approx(best, rel=0.01)


@pytest.mark.parametrize("length", [7, 30, 100, 200])
def test_service_tells_what_was_not_measured(length: int) -> None:
    """A kind without golden examples: only batches that were served are known."""
    table = CostTable(8)
    for _ in range(40):
        for served in (5, 20, 60, 150, 250):
            for rows in (1, 3, 5, 8):
                table.note(served, rows, kernel(served, rows))
    for rows in (1, 2, 4, 8):
        assert table.seconds(length, rows) == pytest.approx(kernel(length, rows), rel=0.3)


def test_costs_that_are_far_apart_do_not_cancel() -> None:
    table = CostTable(8)
    for note in ((257, 3, 2.0), (1, 1, 0.0), (513, 3, 0.0)):
        table.note(*note)
    assert table.seconds(142, 8) > 0


@given(
    st.lists(st.tuples(st.integers(1, 5000), st.integers(1, 8), st.floats(0, 10)), max_size=30),
    st.integers(1, 10_000),
    st.integers(1, 20),
)
def test_whatever_was_observed_costs_are_positive(
    notes: list[tuple[int, int, float]], length: int, rows: int
) -> None:
    table = CostTable(8)
    for note in notes:
        table.note(*note)
    assert 0 < table.seconds(length, rows) < float("inf")
    assert 0 < table.share(length) < float("inf")


def test_the_shortest_time_counts_and_is_forgotten_slowly() -> None:
    table = CostTable(8)
    for _ in range(20):
        table.note(16, 4, 1.0)
    table.note(16, 4, 0.1)
    table.note(16, 4, 0.1)
    table.note(16, 4, 0.1)
    least = table.seconds(16, 4)
    assert least < 0.25
    table.note(16, 4, 1.0)
    assert table.seconds(16, 4) < 0.3, "once is an accident"
    for _ in range(100):
        table.note(16, 4, 1.0)
    assert table.seconds(16, 4) > 0.9


@dataclass(frozen=True)
class Graphed(Item):
    graph: str | None = None


def test_graphs_have_tables_of_their_own() -> None:
    costs = Costs()
    task, one, other = Item(0, 5), Graphed(0, 5, graph="a.onnx"), Graphed(0, 5, graph="b.onnx")
    costs.note([task], 1.0)
    costs.note([one], 10e-6)
    assert [costs.is_cheap(each.graph, each.length) for each in (task, one, other)] == [
        False,
        True,
        False,
    ]
    assert costs.share(task) > 1000 * costs.share(one)


def test_waiting_costs_all_its_time_and_a_busy_machine_nothing() -> None:
    _, seconds, cost = timed(lambda: time.sleep(0.02))
    assert cost == seconds >= 0.02
    result, seconds, cost = timed(lambda: sum(range(100_000)))
    assert result == 4999950000
    assert 0 < cost <= seconds


def test_measuring_keeps_to_its_budget() -> None:
    """The clock is that of the work itself: nothing depends on this machine."""
    now = 0.0
    ran: list[tuple[int, int]] = []

    def predict(items: Sequence[Item]) -> list[int]:
        ran.append((max(item.length for item in items), len(items)))
        return [0] * len(items)

    def told(compute: Callable[[], Sequence[int]]) -> tuple[Sequence[int], float, float]:
        nonlocal now
        result = compute()
        seconds = kernel(*ran[-1])
        now += seconds
        return result, seconds, seconds

    items = [Item(0, length) for length in (40, 900, 5)]
    measured = Measured(predict, told)
    for item in (items[0], *items):
        measured([item])
    start = now
    ran.clear()
    costs = Costs(8)
    measure(measured, items, costs, 8, budget=0.025, clock=lambda: now)
    assert [rows for length, rows in ran if length == 40] == [1, 2, 4, 8], "the middling one first"
    assert [rows for length, rows in ran if length == 5] == [1, 2, 4, 8]
    assert now <= start + 0.025
    for length, rows in ((5, 1), (64, 8), (1000, 4)):
        assert costs.table(None).seconds(length, rows) == pytest.approx(
            kernel(length, rows), rel=0.01
        )
