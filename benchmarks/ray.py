"""The service on Ray Serve beside one process of its own, on this machine.

    python -m benchmarks.ray [--way haproxy] [--rounds 3] [--seconds 2]

Two replicas with a core each, on two node processes, against one process with two threads a model.
Ways into Ray: a proxy on each node, in Python (Ray's default), or HAProxy on one. Both services
are asked in turns; needs Ray and a C compiler. CPU is that of all processes: raylets, proxies and
the controller count.
"""

import http.client
import json
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import psutil
import typer

from benchmarks.load import closed, corpus, report
from benchmarks.load.client import Client, build
from benchmarks.load.closed import CLIENTS
from benchmarks.load.networks import LARGE, SMALL, publish_large, publish_small
from benchmarks.load.services import ROOT, Running, unroll
from benchmarks.load.services import running as service

if TYPE_CHECKING:
    from tests.ray.cluster import Site

FORECAST: Final = "forecast"
# What Ray reads of the environment when it is imported.
WAYS: Final[Mapping[str, Mapping[str, str]]] = {
    "proxy": {},
    "haproxy": {"RAY_SERVE_ENABLE_HA_PROXY": "1", "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1"},
}
_KILL: Final = "kill"
_ALL: Final = f"{SMALL},{LARGE},{FORECAST},{_KILL}"
_TOLD_SECONDS: Final = 16.0  # until the nodes tell what replicas have counted
_VERIFYING: Final = 8  # clients of the kill
_BEFORE, _AFTER = 5.0, 15.0  # seconds around it


class Nodes(Running):
    """A Ray cluster as a service: its processes are the children of this one that Ray started."""

    def processes(self) -> list[psutil.Process]:
        return [each for each in self.process.children(recursive=True) if _is_ray(each)]


def _is_ray(process: psutil.Process) -> bool:
    try:
        return "/ray/" in " ".join(process.cmdline()) or process.cmdline()[0].startswith("ray::")
    except (psutil.Error, IndexError):
        return False


def main(
    rounds: Annotated[int, typer.Option(help="Turns of each.")] = 3,
    seconds: Annotated[float, typer.Option(help="Of one turn.")] = 2.0,
    only: Annotated[str, typer.Option(help="What is asked, and kill, by commas.")] = _ALL,
    way: Annotated[str, typer.Option(help=f"Into Ray: {', '.join(WAYS)}.")] = "proxy",
) -> None:
    """Measure, and print tables."""
    os.environ.update(WAYS[way])
    from tests.ray.cluster import cluster

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        asked = _asked(folder)
        program = build(folder)
        start = partial(unroll, folder / "models")
        with (
            service("one process", start, "/health/ready", folder / "one.log") as one,
            cluster(_settings(folder) | dict(WAYS[way]), one_proxy=way == "haproxy") as site,
        ):
            site.deploy(2)
            nodes = Nodes(f"Ray, {way}", site.port, psutil.Process())
            for what in only.split(","):
                if what == _KILL:
                    _killed(site)
                    continue
                file = asked[what]
                pairs = [(each, Client(program, each.port, file)) for each in (one, nodes)]
                _beside(site, what, pairs, seconds, rounds)
    load = psutil.getloadavg()[0]
    typer.echo(f"{rounds} rounds of {seconds:g} s; {psutil.cpu_count()} cores, load {load:.1f}")


def _asked(folder: Path) -> dict[str, Path]:
    """The models, and files of requests by what is asked."""
    models = folder / "models"
    publish_small(models)
    publish_large(models)
    (models / FORECAST).symlink_to(ROOT / "models" / FORECAST)
    small = [corpus.post(f"/v2/models/{SMALL}/infer", _tensors(each)) for each in corpus.rows(500)]
    large = [
        corpus.post("/sentiment", {"text": text, "model": LARGE}) for text in corpus.texts(500)
    ]
    requests = {SMALL: small, LARGE: large, FORECAST: [_forecast(step) for step in range(100)]}
    return {
        what: corpus.write_requests(folder / f"{what}.requests", each)
        for what, each in requests.items()
    }


def _tensors(row: list[int]) -> dict[str, Any]:
    shape = [1, len(row)]
    return {
        "inputs": [
            {"name": "token_ids", "datatype": "INT64", "shape": shape, "data": row},
            {"name": "lengths", "datatype": "INT64", "shape": [1], "data": [len(row)]},
        ]
    }


def _forecast(start: int) -> bytes:
    series = [100 + 10 * ((start + step) * 7 % 12) + 0.1 * step for step in range(120)]
    return corpus.post("/forecast", {"series": series, "horizon": 12, "season_length": 12})


def _settings(folder: Path) -> dict[str, str]:
    return {
        "UNROLL_MODELS_DIR": str(folder / "models"),
        "UNROLL_STREAMS_DIR": str(folder / "streams"),
        "UNROLL_LOG_FORMAT": "json",
        "OMP_NUM_THREADS": "1",
    }


def _beside(
    site: "Site",
    what: str,
    pairs: Sequence[tuple[Running, Client]],
    seconds: float,
    rounds: int,
) -> None:
    closed.warm(pairs, CLIENTS)
    if what == LARGE:
        time.sleep(_TOLD_SECONDS)
    before = _steps(site)
    turns = closed.rounds(pairs, CLIENTS, seconds, rounds)
    lines = []
    for name, found in turns.items():
        columns = (("per_second", 1.0), ("p50", 1e3), ("p99", 1e3), ("cpu", 1e3))
        cells = [f"{scale * closed.median(found, each):.4g}" for each, scale in columns]
        lines.append((name, *cells, ", ".join(f"{turn.per_second:.0f}" for turn in found)))
    headings = (f"{what}, {CLIENTS} clients", "requests/s", "p50 ms", "p99 ms", "CPU ms", "rounds")
    typer.echo(report.table(headings, lines))
    if what == LARGE:
        time.sleep(_TOLD_SECONDS)
        steps, padded = (now - then for now, then in zip(_steps(site), before, strict=True))
        typer.echo(f"useful steps in batches under Ray: {1 - padded / steps:.3f}\n")


def _steps(site: "Site") -> tuple[float, float]:
    """(steps computed, those of padding) by the large network so far."""
    names = "ray_unroll_steps_total", "ray_unroll_padded_steps_total"
    steps, padded = (sum(site.samples(each, f'model="{LARGE}"').values()) for each in names)
    return steps, padded


@dataclass
class Asked:
    """What clients found: when each right answer came, when each failure, and wrong answers."""

    right: list[float] = field(default_factory=list)
    failed: list[float] = field(default_factory=list)
    wrong: int = 0


@contextmanager
def _verifying(port: int) -> Iterator[Asked]:
    """Clients that look at each answer, until the end of this context."""
    found, stop = Asked(), threading.Event()
    ask = partial(_ask, port, json.dumps(_tensors(list(range(2, 28)))))
    expected = ask()()

    def client() -> None:
        once = ask()
        while not stop.is_set():
            try:
                same = once() == expected
            except (OSError, http.client.HTTPException):
                found.failed.append(time.monotonic())
                once = ask()
            else:
                found.right.append(time.monotonic())
                found.wrong += not same

    threads = [threading.Thread(target=client) for _ in range(_VERIFYING)]
    for each in threads:
        each.start()
    try:
        yield found
    finally:
        stop.set()
        for each in threads:
            each.join()


def _ask(port: int, body: str) -> Callable[[], Any]:
    """Asks over one connection; raises HTTPException for another status than 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def once() -> Any:
        headers = {"Content-Type": "application/json"}
        connection.request("POST", f"/v2/models/{SMALL}/infer", body, headers)
        response = connection.getresponse()
        content = response.read()
        if response.status != 200:
            raise http.client.HTTPException(response.status)
        return json.loads(content)["outputs"]

    return once


def _killed(site: "Site") -> None:
    """Kill one of two replicas under load, and say what clients saw."""
    from tests.ray.cluster import replica_processes, running, until

    with _verifying(site.port) as found:
        time.sleep(_BEFORE)
        victim = replica_processes()[0]
        at = time.monotonic()
        victim.kill()
        until(lambda: len({each.pid for each in replica_processes()} - {victim.pid}) == 2)
        until(lambda: running() == 2)
        there = time.monotonic() - at
        time.sleep(max(0.0, _AFTER - there))
    usual = sum(at - _BEFORE + 1 < each < at for each in found.right) / (_BEFORE - 1)
    rates = [
        sum(at + second <= each < at + second + 1 for each in found.right)
        for second in range(int(_AFTER))
    ]
    back = next((s for s in range(len(rates)) if min(rates[s : s + 3]) >= 0.8 * usual), None)
    last = max((each - at for each in found.failed), default=0.0)
    typer.echo(
        f"one of two replicas killed: {found.wrong} wrong answers, {len(found.failed)} failed with "
        f"{_VERIFYING} clients, the last after {last:.1f} s; two again after {there:.1f} s; "
        f"{usual:.0f} a second before, then by second {rates}; 0.8 of it from second {back} on\n"
    )


if __name__ == "__main__":
    typer.run(main)
