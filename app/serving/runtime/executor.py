"""Pools of threads that exist from the start. Knows threads; not what they do."""

import threading
from concurrent.futures import Executor, ThreadPoolExecutor


def started_executor(threads: int, name: str) -> ThreadPoolExecutor:
    """A pool whose threads have all been started.

    Raises:
        RuntimeError: the system allows no more threads.
    """
    executor = ThreadPoolExecutor(threads, name)
    start_threads(executor, threads)
    return executor


def start_threads(executor: Executor, threads: int) -> None:
    """Have a pool that may have so many threads start them all; it must be idle.

    The library starts each when it is first needed, and waits until it runs. Where there is no
    memory left a thread may end before it says so: whoever started it, perhaps the event loop,
    would then wait for ever.

    Raises:
        RuntimeError: the system allows no more threads.
    """
    together = threading.Barrier(threads + 1)
    for _ in range(threads):
        executor.submit(together.wait)  # none of them is free for the next one
    together.wait()
