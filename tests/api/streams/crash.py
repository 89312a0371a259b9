"""Services that are killed at random moments while streams take steps; what became of the steps.

Knows processes, HTTP and the rules of positions. Every client has a stream of its own, and sends
each request again, as it was, until it is answered. With several services it asks them in turns.

    python -m tests.api.streams.crash --kills 200
    python -m tests.api.streams.crash --services 2 --redis --steps 100000
"""

import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Final

import httpx
import numpy as np
import typer

from tests import fresh
from tests.serving.streams.stores import redis_server
from tests.streams import write_stream_version

MODEL: Final = "lstm"
_PATIENCE: Final = 120.0  # seconds for one request, restarts of a busy machine included
_PAUSE: Final = 0.02


@dataclass
class Report:
    """What came of it; all but the first three should be 0."""

    kills: int = 0
    steps: int = 0
    replayed: int = 0
    retried: int = 0
    lost: int = 0  # acknowledged, and not there at the end
    twice: int = 0  # taken, and never sent
    different: int = 0  # answers that are not those of the whole sequence
    refused: list[str] = field(default_factory=list)  # what no client should be told


class Process:
    """One service on a port that stays its own."""

    def __init__(self, models: Path, port: int, environment: dict[str, str]) -> None:
        settings = {"UNROLL_MODELS_DIR": str(models), "UNROLL_PORT": str(port)}
        plain = {"UNROLL_HOST": "127.0.0.1", "UNROLL_LOG_LEVEL": "ERROR", "OMP_NUM_THREADS": "1"}
        self._environment = os.environ | plain | settings | environment
        self.port = port
        self._child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, in a group of its own, and wait until it is ready."""
        command = [sys.executable, "-m", "app", "serve"]
        self._child = subprocess.Popen(
            command, env=self._environment, stderr=subprocess.DEVNULL, start_new_session=True
        )
        end = time.monotonic() + _PATIENCE
        while True:
            try:
                url = f"http://127.0.0.1:{self.port}/health/ready"
                if fresh.get(url, timeout=5).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            assert time.monotonic() < end, "the service did not get ready"
            assert self._child.poll() is None, "the service ended"
            time.sleep(_PAUSE)

    def kill(self) -> None:
        """End it and all of its processes at once, as a machine does that runs out of memory."""
        assert self._child is not None
        if self._child.poll() is None:
            os.killpg(self._child.pid, signal.SIGKILL)
            self._child.wait(30)

    def stop(self) -> int:
        """Have it finish what it has accepted and end; the exit status."""
        assert self._child is not None
        self._child.terminate()
        return self._child.wait(60)


class Client:
    """Takes the steps of one stream, as a careful client does."""

    def __init__(self, name: str, ports: list[int], steps: int, seed: int, most: int = 3) -> None:
        """most: steps in one request."""
        self.name = name
        self.values = np.random.default_rng(seed).normal(size=steps).astype(np.float32).tolist()
        self.answers: list[float] = []
        self.replayed = self.retried = 0
        self.refused: list[str] = []
        self._random = random.Random(seed)
        self._ports = ports
        self._asked = seed
        self._most = most

    def run(self, over: threading.Event) -> None:
        """Until all steps are taken, or `over`."""
        self._ask("PUT", f"/streams/{self.name}", {"model": MODEL})
        while len(self.answers) < len(self.values) and not over.is_set() and not self.refused:
            at = len(self.answers)
            part = self.values[at : at + self._random.randint(1, self._most)]
            body = {"position": at, "values": part}
            answer = self._ask("POST", f"/streams/{self.name}/steps", body)
            if answer is None:
                return
            self.replayed += answer["replayed"]
            if answer["position"] != at + len(part):
                self.refused.append(f"{self.name}: {answer['position']} after {at + len(part)}")
            self.answers += [each["output"][0] for each in answer["steps"]]

    def _ask(self, method: str, path: str, body: Any) -> Any:
        """The answer, however often it must be asked for; None if none should be."""
        end = time.monotonic() + _PATIENCE
        while time.monotonic() < end:
            self._asked += 1
            port = self._ports[self._asked % len(self._ports)]
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            try:
                content = json.dumps(body)
                connection.request(method, path, content, {"Content-Type": "application/json"})
                response = connection.getresponse()
                answer = response.read()
            except (OSError, http.client.HTTPException):
                self.retried += 1
                time.sleep(_PAUSE)
                continue
            finally:
                connection.close()
            if response.status in (200, 201):
                return json.loads(answer)
            if response.status not in (429, 502, 503, 504):
                break
            self.retried += 1
            time.sleep(_PAUSE)
        self.refused.append(f"{self.name}: {method} {path} {answer!r}")
        return None


def crash_test(
    folder: Path,
    *,
    kills: int,
    services: int = 1,
    clients: int = 4,
    steps: int | None = None,
    url: str = "",
    workers: int = 1,
    seed: int = 0,
) -> Report:
    """Kill services at random moments, `kills` times, and compare all that was answered.

    steps: of all clients together, after which it is over; None: when the last kill is over.
    url: of a store that is not SQLite.
    """
    models = folder / "models"
    write_stream_version(models, MODEL, hidden=8)
    environment = {"UNROLL_STREAMS_DIR": str(folder / "streams"), "UNROLL_STREAMS_URL": url}
    environment |= {"UNROLL_WORKERS": str(workers)}
    report, chance, over = Report(), random.Random(seed), threading.Event()
    with running(models, services, environment) as processes:
        ports = [each.port for each in processes]
        each_steps = 1_000_000 if steps is None else steps // clients
        asking = [Client(f"s-{n}", ports, each_steps, seed + n) for n in range(clients)]
        threads = [threading.Thread(target=each.run, args=(over,)) for each in asking]
        for thread in threads:
            thread.start()
        for _ in range(kills):
            time.sleep(chance.uniform(0.05, 1.0))
            process = chance.choice(processes)
            process.kill()
            process.start()
            report.kills += 1
        if steps is None:
            time.sleep(0.5)
            over.set()
        for thread in threads:
            thread.join()
        for client in asking:
            compare(report, client, ports[0])
    return report


def compare(report: Report, client: Client, port: int) -> None:
    """Add to the report what has become of a client's steps, as the service on `port` has them."""
    base = f"http://127.0.0.1:{port}"
    there = fresh.get(f"{base}/streams/{client.name}", timeout=30).json()["position"]
    answered = len(client.answers)
    report.steps += answered
    report.replayed += client.replayed
    report.retried += client.retried
    report.refused += client.refused
    report.lost += max(0, answered - there)
    report.twice += max(0, there - answered)
    whole = []
    # In parts that one request may have, each from the state that the one before has left.
    state: dict[str, Any] = {}
    for at in range(0, answered, 5000):
        part = client.values[at : at + 5000][: answered - at]
        values = {"name": "values", "datatype": "FP32", "shape": [1, len(part), 1], "data": part}
        response = fresh.post(
            f"{base}/v2/models/{MODEL}/infer",
            json={"inputs": [values, *state.values()]},
            timeout=60,
        )
        outputs = {each["name"]: each for each in response.raise_for_status().json()["outputs"]}
        whole += outputs["output"]["data"]
        state = {name: outputs[f"next_{name}"] | {"name": name} for name in ("h", "c")}
    report.different += sum(a != b for a, b in zip(client.answers, whole, strict=True))


@contextmanager
def running(models: Path, count: int, environment: dict[str, str]) -> Iterator[list[Process]]:
    """So many services that are ready; those that live at the end are killed."""
    processes = []
    with ExitStack() as stack:
        for _ in range(count):
            with socket.create_server(("127.0.0.1", 0)) as free:
                port = free.getsockname()[1]
            process = Process(models, port, environment)
            process.start()
            stack.callback(process.kill)
            processes.append(process)
        yield processes


def main(
    kills: Annotated[int, typer.Option(help="How often a service is killed.")] = 5,
    services: Annotated[int, typer.Option(help="Services that share the store.")] = 1,
    workers: Annotated[int, typer.Option(help="Processes of each.")] = 1,
    clients: Annotated[int, typer.Option(help="Streams that take steps at once.")] = 4,
    steps: Annotated[int, typer.Option(help="Steps in all; 0: until the last kill.")] = 0,
    redis: Annotated[bool, typer.Option(help="Whether the store is a Redis.")] = False,
    seed: Annotated[int, typer.Option(help="Of the moments.")] = 0,
) -> None:
    """Print what came of it; exit with 1 if a step was lost, taken twice, or answered wrongly."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        (folder / "redis").mkdir()
        url = stack.enter_context(redis_server(folder / "redis")) if redis else ""
        report = crash_test(
            folder,
            kills=kills,
            services=services,
            workers=workers,
            clients=clients,
            steps=steps or None,
            url=url,
            seed=seed,
        )
    typer.echo(report)
    bad = report.lost or report.twice or report.different or report.refused
    raise typer.Exit(1 if bad else 0)


if __name__ == "__main__":
    typer.run(main)
