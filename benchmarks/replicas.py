"""Two replicas behind nginx on one Redis, one killed in the middle of the load: what is lost.

Starts all of them, kills one replica with SIGKILL and starts it again, as whatever watches over it
does. Knows HTTP and processes. Needs nginx and redis-server.

    python -m benchmarks.replicas            # 50,000 steps over 1,000 streams, then plain inference
    python -m benchmarks.replicas --quick    # 5,000 steps over 100 streams
"""

import asyncio
import platform
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, Any

import httpx
import numpy as np
import psutil
import typer
from numpy.typing import NDArray
from prometheus_client.parser import text_string_to_metric_families

from benchmarks.asking_again import BACK, WINDOW, Load, answer_of, connection
from tests.api.streams.crash import MODEL, Process, running
from tests.deploy.proxy import NGINX, NO_NGINX, proxy
from tests.serving.streams.stores import NO_REDIS, REDIS, redis_server
from tests.streams import write_stream_version

Row = tuple[str, str, str]  # what, the figure, what it should be


@contextmanager
def killed(load: Load, process: Process, when: Callable[[], bool]) -> Iterator[None]:
    """Meanwhile, as soon as it is time, the process is killed, and started again."""

    def kill_and_start() -> None:
        while not when():
            time.sleep(0.01)
        asked = time.monotonic()
        process.kill()
        load.killed = (asked, time.monotonic())
        process.start()
        load.ready_again = time.monotonic()

    thread = threading.Thread(target=kill_and_start)
    thread.start()
    yield
    thread.join()


async def together(work: Iterable[Awaitable[None]]) -> None:
    await asyncio.gather(*work)


def streams(
    port: int, processes: Sequence[Process], count: int, steps: int, clients: int
) -> list[Row]:
    """Steps of many streams, each sent with its position, a step a request."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=(count, steps)).astype(np.float32)
    answers: NDArray[np.float32] = np.full((count, steps), np.nan, np.float32)
    load = Load()
    replayed = 0

    async def client(first: int) -> None:
        nonlocal replayed
        own = range(first, count, clients)
        async with connection(port) as one:
            for number in own:
                await answer_of(one, load, "PUT", f"/streams/s{number}", {"model": MODEL})
            for step in range(steps):
                for number in own:
                    body = {"position": step, "values": [float(values[number, step])]}
                    path = f"/streams/s{number}/steps"
                    answer = await answer_of(one, load, "POST", path, body)
                    load.answered.append(time.monotonic())
                    assert answer["position"] == step + 1, answer
                    replayed += answer["replayed"]
                    answers[number, step] = answer["steps"][0]["output"][0]

    with killed(load, processes[0], lambda: len(load.answered) >= count * steps / 2):
        asyncio.run(together(client(first) for first in range(clients)))
    survivor = f"http://127.0.0.1:{processes[1].port}"
    with httpx.Client(base_url=survivor, timeout=60) as http:
        positions = [http.get(f"/streams/s{n}").json()["position"] for n in range(count)]
        whole = [inferred(http, part) for part in np.array_split(values, max(1, count // 50))]
    different = int((np.concatenate(whole) != answers).sum())
    lost = sum(max(0, steps - each) for each in positions)
    twice = sum(max(0, each - steps) for each in positions)
    what = f"{count * steps:,} steps over {count:,} streams, {clients} clients"
    conflicts = [counted(each, "unroll_stream_conflicts_total") for each in processes]
    return [
        (f"{what}: steps lost, taken twice", f"{lost}, {twice}", "0, 0"),
        ("answers that are not those of the whole sequence, to the bit", f"{different}", "0"),
        ("answered again with the kept answer", f"{replayed}", ""),
        ("steps computed in vain on the two replicas", f"{sum(conflicts):.0f}", ""),
        *told(load, clients),
    ]


def plain(port: int, process: Process, seconds: float, clients: int) -> list[Row]:
    """Inference without streams: so long before the kill, and when the replica is ready again."""
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(32, 20)).astype(np.float32)
    load = Load()
    wrong = 0
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as http:
        truth = inferred(http, rows)
    bodies = [request(row[None]) for row in rows]
    start = time.monotonic()

    def over() -> bool:
        return bool(load.ready_again) and time.monotonic() > load.ready_again + seconds

    async def client(first: int) -> None:
        nonlocal wrong
        turn = first
        async with connection(port) as one:
            while not over():
                at = turn % len(rows)
                path = f"/v2/models/{MODEL}/infer"
                answer = await answer_of(one, load, "POST", path, bodies[at])
                load.answered.append(time.monotonic())
                wrong += bool((outputs(answer)[0] != truth[at]).any())
                turn += 1

    with killed(load, process, lambda: time.monotonic() > start + seconds):
        asyncio.run(together(client(first) for first in range(clients)))
    what = f"inference without streams, {clients} clients, {len(load.answered):,} requests"
    return [(f"{what}: wrong answers", f"{wrong}", "0"), *told(load, clients)]


def told(load: Load, clients: int) -> list[Row]:
    """The rows that both kinds of load have."""
    fresh = [each for each in load.failed if each[0] > load.killed[1]]
    kinds = ", ".join(sorted({how for _, _, how in load.failed}))
    back = load.back()
    return [
        (
            "requests that failed and were sent again",
            f"{len(load.failed)} ({kinds or 'none'})",
            f"{clients} or fewer: those in flight",
        ),
        ("of them, sent after the process was gone", f"{len(fresh)}", "0"),
        ("answers a second before the kill", f"{load.before():,.0f}", ""),
        (
            f"from the kill until {BACK:.0%} of that rate, over {WINDOW:g} s",
            "never" if back is None else f"{back:.1f} s",
            "10 s or less",
        ),
        ("longest time without an answer after the kill", f"{load.gap():.2f} s", ""),
        (
            "the killed replica was ready again after",
            f"{load.ready_again - load.killed[0]:.1f} s",
            "",
        ),
    ]


def request(rows: NDArray[np.float32]) -> dict[str, Any]:
    """rows (count, steps) -> the body of an inference request."""
    shape = [*rows.shape, 1]
    values = {"name": "values", "datatype": "FP32", "shape": shape, "data": rows.ravel().tolist()}
    return {"inputs": [values], "outputs": [{"name": "output"}]}


def outputs(answer: Any) -> NDArray[np.float32]:
    """(count, steps), out of the answer to one."""
    (output,) = answer["outputs"]
    return np.array(output["data"], np.float32).reshape(output["shape"][:2])


def inferred(http: httpx.Client, rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """rows (count, steps) -> what the network says of whole sequences, (count, steps)."""
    response = http.post(f"/v2/models/{MODEL}/infer", json=request(rows))
    return outputs(response.raise_for_status().json())


def counted(process: Process, sample: str) -> float:
    """A sample of a replica's metrics; what it had counted before it was killed is gone."""
    page = httpx.get(f"http://127.0.0.1:{process.port}/metrics", timeout=60).text
    families = text_string_to_metric_families(page)
    return sum(each.value for one in families for each in one.samples if each.name == sample)


def main(
    count: Annotated[int, typer.Option("--streams", help="Streams.")] = 1000,
    steps: Annotated[int, typer.Option(help="Steps of each, one a request.")] = 50,
    clients: Annotated[int, typer.Option(help="Requests at a time.")] = 32,
    seconds: Annotated[
        float, typer.Option(help="Of plain load before the kill, and at the end.")
    ] = 15.0,
    quick: Annotated[bool, typer.Option(help="100 streams, 5 seconds.")] = False,
    out: Annotated[Path, typer.Option(help="Folder of the results.")] = Path("benchmarks/results"),
) -> None:
    """Measure both kinds of load, write the rows as markdown."""
    for missing in [NO_NGINX] * (NGINX is None) + [NO_REDIS] * (REDIS is None):
        raise SystemExit(missing)
    if quick:
        count, seconds = 100, 5.0
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        (folder / "redis").mkdir()
        write_stream_version(folder / "models", MODEL, hidden=40)
        store = {"UNROLL_STREAMS_URL": stack.enter_context(redis_server(folder / "redis"))}
        processes = stack.enter_context(running(folder / "models", 2, store))
        front = stack.enter_context(proxy(folder / "nginx", [each.port for each in processes]))
        rows = [
            *streams(front.port, processes, count, steps, clients),
            *plain(front.port, processes[1], seconds, clients),
        ]
    lines = ["| what | measured | wanted |", "|---|---|---|"]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    lines.append("")
    lines.append(
        "`python -m benchmarks.replicas`: an LSTM(40); two replicas, nginx, Redis and clients on "
        f"{psutil.cpu_count()} cores; load average at the end {psutil.getloadavg()[0]:.1f}, Python "
        f"{platform.python_version()}."
    )
    text = "\n".join(lines)
    typer.echo(text)
    if not quick:
        out.mkdir(parents=True, exist_ok=True)
        (out / "replicas.md").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
