"""The protocol's figures: counted as the metrics are, in the same places."""

import threading

from prometheus_client import REGISTRY

from app.serving.scheduling.statistics import Duration, forget_statistics, statistics_of
from tests.serving.scheduling.workers import PATIENCE, Doubler, Item, running


def test_the_scheduler_tells_both() -> None:
    forget_statistics("test", "1")
    names = ("queue_seconds_count", "inference_seconds_count", "batch_size_sum")

    def metrics() -> list[float]:
        labels = {"model": "test", "version": "1"}
        return [REGISTRY.get_sample_value(f"unroll_{name}", labels) or 0.0 for name in names]

    before, worker = metrics(), Doubler()
    with running(worker, held=True) as scheduler:
        futures = scheduler.submit_many([Item(1), Item(2), Item(3)])
        worker.free.set()
        for future in futures:
            future.result(PATIENCE)
    now = statistics_of("test", "1").snapshot()
    assert {size: batch.count for size, batch in now.batches.items()} == {1: 1, 3: 1}
    counted = [new - old for new, old in zip(metrics(), before, strict=True)]
    assert [now.queue.count, now.computed.count, now.inferences] == counted
    assert now.computed.seconds == sum(batch.seconds for batch in now.batches.values())


def test_a_failed_batch_is_not_an_inference() -> None:
    forget_statistics("test", "1")
    worker = Doubler()
    with running(worker) as scheduler:
        assert scheduler.submit(Item(1, bad=True)).exception(PATIENCE) is not None
    assert statistics_of("test", "1").snapshot().inferences == 0


def test_requests_are_counted_by_their_end() -> None:
    forget_statistics("x", "9")
    statistics = statistics_of("x", "9")
    assert statistics.snapshot().last == 0
    statistics.answered(0.25, success=True)
    statistics.answered(0.5, success=True)
    statistics.answered(1.0, success=False)
    now = statistics.snapshot()
    assert (now.success, now.fail) == (Duration(2, 0.75), Duration(1, 1.0))
    assert now.last > 1.6e9
    statistics.answered(1.0, success=True)
    assert now.success.count == 2, "a snapshot stays as it is"


def test_threads_lose_no_count() -> None:
    forget_statistics("x", "8")
    statistics = statistics_of("x", "8")

    def count() -> None:
        for _ in range(2000):
            statistics.computed(2, 0.5)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statistics.snapshot().inferences == 16_000
    assert statistics.snapshot().computed == Duration(8000, 4000.0)
