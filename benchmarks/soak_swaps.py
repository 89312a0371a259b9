"""Does the service grow while versions come and go? Resident memory once a minute, under load.

Publishes the shipped `sentiment` under new numbers again and again, each loaded while clients go
on asking, the one before it removed; for the last third of the time without swaps. Every answer
must be the first one again, but for the number of its version. While a version is loaded there are
two of them: the least memory of a minute tells whether something stays.
`python -m benchmarks.soak_swaps --help`.
"""

import asyncio
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Final

import httpx
import numpy as np
import psutil
import typer

from benchmarks.swap import copy_version, service, swap

MODEL: Final = "sentiment"
PATH: Final = "/sentiment"
MEBIBYTE: Final = 2**20
TEXTS: Final = (
    "A film that I would see again.",
    "The battery died after two days and nobody answers my letters.",
    "It came on Tuesday, in a box. " * 8,
)


class Clients:
    """Asks for the same few texts for ever, and counts answers that are not as the first ones."""

    def __init__(self, http: httpx.AsyncClient, count: int) -> None:
        self._http = http
        self._truth: list[Any] = []
        self.answered = self.wrong = 0
        self._count = count

    async def _ask(self, text: str) -> Any:
        answer = await self._http.post(PATH, json={"model": MODEL, "text": text})
        answer.raise_for_status()
        return {name: value for name, value in answer.json().items() if name != "version"}

    async def learn(self) -> None:
        """Ask for each text once, and remember what is answered."""
        self._truth = [await self._ask(text) for text in TEXTS]

    async def run(self, ended: asyncio.Event) -> None:
        """Until `ended`."""

        async def one(client: int) -> None:
            for number in range(client, 1 << 62):
                if ended.is_set():
                    return
                which = number % len(TEXTS)
                try:
                    self.wrong += await self._ask(TEXTS[which]) != self._truth[which]
                except httpx.HTTPError:
                    self.wrong += 1
                self.answered += 1

        await asyncio.gather(*(one(client) for client in range(self._count)))


def main(
    minutes: Annotated[float, typer.Option(help="For so long, the last third without swaps.")] = 24,
    pause: Annotated[float, typer.Option(help="Seconds between two swaps.")] = 5.0,
    clients: Annotated[int, typer.Option(help="That ask without a pause.")] = 4,
    every: Annotated[float, typer.Option(help="Seconds between two looks.")] = 60.0,
) -> None:
    """Swap versions of the shipped sentiment model under load, and look at the memory."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "models"
        copy_version(MODEL, "1", root)
        with service(root) as (url, process):
            asyncio.run(_soak(url, process, root, minutes * 60, pause, clients, every))


async def _soak(
    url: str,
    process: psutil.Process,
    root: Path,
    seconds: float,
    pause: float,
    count: int,
    every: float,
) -> None:
    began = time.monotonic()
    looks: list[tuple[float, float]] = []  # (seconds, the least since the look before)
    swaps = 0
    ended = asyncio.Event()
    async with httpx.AsyncClient(base_url=url, timeout=900) as http:
        asking = Clients(http, count)
        await asking.learn()

        async def look() -> None:
            print("minute swaps answered least MiB most MiB threads files")
            held: list[float] = []
            due = time.monotonic()
            while not ended.is_set():
                held.append(process.memory_info().rss / MEBIBYTE)
                if time.monotonic() >= due:
                    looks.append((time.monotonic() - began, min(held)))
                    print(
                        f"{looks[-1][0] / 60:6.1f} {swaps:5} {asking.answered:8} {min(held):9.1f} "
                        f"{max(held):8.1f} {process.num_threads():7} {process.num_fds():5}",
                        flush=True,
                    )
                    held.clear()
                    due += every
                with suppress(TimeoutError):
                    await asyncio.wait_for(ended.wait(), 0.2)

        others = [asyncio.create_task(look()), asyncio.create_task(asking.run(ended))]
        while time.monotonic() - began < seconds * 2 / 3:
            await asyncio.sleep(pause)
            version = swaps + 2
            await asyncio.to_thread(copy_version, MODEL, str(version), root)
            await swap(http, MODEL, None)
            await asyncio.to_thread(shutil.rmtree, root / MODEL / str(version - 1))
            swaps += 1
        last_swap = time.monotonic() - began
        await asyncio.sleep(seconds - last_swap)
        ended.set()
        await asyncio.gather(*others)
    half = [each for each in looks if last_swap / 2 <= each[0] <= last_swap]
    times, held = [at for at, _ in half], [mebibytes for _, mebibytes in half]
    slope = float(np.polyfit(times, held, 1)[0]) * 60 if len(half) > 1 else 0.0
    print(
        f"{swaps} swaps, {asking.answered} answers, {asking.wrong} of them not as the first; in "
        f"the second half of the swaps memory grew by {slope:.2f} MiB a minute"
    )


if __name__ == "__main__":
    typer.run(main)
