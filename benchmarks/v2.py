"""CPU of a binary /v2 request beside that of FastAPI by hand with JSON, on one small network.

Starts both services, asks them in turns and reads the CPU time of their processes; what the
clients take does not count. Knows HTTP and processes. `by-hand` is the other service.
"""

import http.client
import json
import platform
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import httpx
import numpy as np
import psutil
import tritonclient.http as triton
import typer
from numpy.typing import NDArray

from benchmarks.load.client import Client, build
from benchmarks.load.corpus import post, write_requests
from benchmarks.small import VOCABULARY, publish

TURN = 2.0  # seconds, with several clients
cli = typer.Typer(add_completion=False)


@dataclass(frozen=True)
class Result:
    """CPU milliseconds a request, the median of the rounds and their range; and the ratio's."""

    service: float
    by_hand: float
    ratio: float
    lowest: float
    highest: float


@cli.command("by-hand")
def by_hand(graph: Path, port: int, access_log: bool = True, threads: bool = False) -> None:
    """What one writes in an hour: FastAPI, pydantic, a session, uvicorn as it comes.

    The session runs inline, in an `async def`, or with `threads` in a plain one, which FastAPI
    calls in a thread.
    """
    import onnxruntime as ort
    import uvicorn
    from fastapi import FastAPI
    from pydantic import BaseModel

    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(str(graph), options)
    app = FastAPI()

    class Request(BaseModel):
        token_ids: list[list[int]]
        lengths: list[int]

    class Answer(BaseModel):
        logits: list[list[float]]

    def compute(body: Request) -> Answer:
        feeds = {
            "token_ids": np.array(body.token_ids, np.int64),
            "lengths": np.array(body.lengths, np.int64),
        }
        return Answer(logits=session.run(["logits"], feeds)[0].tolist())

    async def compute_inline(body: Request) -> Answer:
        return compute(body)

    app.post("/infer")(compute if threads else compute_inline)
    uvicorn.run(app, host="127.0.0.1", port=port, access_log=access_log)


@cli.command()
def run(
    requests: Annotated[int, typer.Option(help="Requests of one turn.")] = 2000,
    rounds: Annotated[int, typer.Option(help="Turns of each service.")] = 7,
    tokens: Annotated[int, typer.Option(help="Length of the row.")] = 26,
    access_log: Annotated[bool, typer.Option(help="Whether by-hand writes a line each.")] = True,
    threads: Annotated[bool, typer.Option(help="Whether by-hand computes in a thread.")] = False,
    clients: Annotated[int, typer.Option(help="How many ask at once; several need a cc.")] = 1,
    out: Annotated[Path, typer.Option(help="Folder of the results.")] = Path("benchmarks/results"),
) -> None:
    """Measure both, write the result as JSON and one line of markdown."""
    rng = np.random.default_rng(1)
    row = rng.integers(0, VOCABULARY, (1, tokens))
    options = [*([] if access_log else ["--no-access-log"]), *(["--threads"] if threads else [])]
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        graph = publish(Path(folder))
        serve = ["-m", "app", "serve", "--models-dir", folder, "--log-format", "json"]
        ours = stack.enter_context(service([*serve, "--port"], "/v2/health/ready"))
        hand = stack.enter_context(
            service(["-m", "benchmarks.v2", "by-hand", *options, str(graph)], "/docs")
        )
        ask_ours, ask_hand = triton_client(ours[0], row), json_client(hand[0], row)
        np.testing.assert_allclose(ask_ours(), ask_hand(), rtol=1e-5, atol=1e-6)
        measure_ours = partial(cpu, ours[1], ask_ours, requests)
        measure_hand = partial(cpu, hand[1], ask_hand, requests)
        if clients > 1:
            program = build(Path(folder))
            for name, content in (("ours", binary_request(row)), ("hand", json_request(row))):
                write_requests(Path(folder) / name, [content])
            measure_ours, measure_hand = (
                partial(cpu_of_many, process, Client(program, port, Path(folder) / name), clients)
                for (port, process), name in ((ours, "ours"), (hand, "hand"))
            )
        turns = [(measure_ours(), measure_hand()) for _ in range(rounds + 1)]
        turns = turns[1:]  # the first one warms up
    ratios = [mine / other for mine, other in turns]
    result = Result(
        service=statistics.median(mine for mine, _ in turns),
        by_hand=statistics.median(other for _, other in turns),
        ratio=statistics.median(ratios),
        lowest=min(ratios),
        highest=max(ratios),
    )
    amount = f"{requests} requests" if clients == 1 else f"{clients} clients, {TURN:g} s"
    load = f"{tokens} tokens, {amount} a turn, {rounds} turns"
    name = (
        ("v2" if clients == 1 else f"v2-{clients}-clients")
        + ("-threads" if threads else "")
        + ("" if access_log else "-without-access-log")
    )
    how = "in a plain def, by a thread" if threads else "inline, in an async def"
    report(result, load, f"{how}; {'with' if access_log else 'without'} its access log", name, out)


def triton_client(port: int, row: NDArray[np.int64]) -> Callable[[], Any]:
    """Asks as `tritonclient` does unless told otherwise: binary both ways."""
    client = triton.InferenceServerClient(f"127.0.0.1:{port}")
    inputs = []
    for name, array in (("token_ids", row), ("lengths", np.array([row.shape[1]]))):
        one = triton.InferInput(name, list(array.shape), "INT64")
        inputs.append(one.set_data_from_numpy(array))
    return lambda: client.infer("small", inputs).as_numpy("logits")


def json_client(port: int, row: NDArray[np.int64]) -> Callable[[], Any]:
    """Asks the service by hand over one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    body = json.dumps({"token_ids": row.tolist(), "lengths": [row.shape[1]]})
    headers = {"Content-Type": "application/json"}

    def ask() -> Any:
        connection.request("POST", "/infer", body, headers)
        return json.loads(connection.getresponse().read())["logits"]

    return ask


def cpu(process: psutil.Process, ask: Callable[[], Any], requests: int) -> float:
    """CPU milliseconds of the process per request, all of its threads."""
    before = process.cpu_times()
    for _ in range(requests):
        ask()
    after = process.cpu_times()
    return 1000 * float(after.user + after.system - before.user - before.system) / requests


def binary_request(row: NDArray[np.int64]) -> bytes:
    """What `tritonclient` sends, byte for byte but for the order of its headers."""
    inputs = []
    for name, array in (("token_ids", row), ("lengths", np.array([row.shape[1]]))):
        one = triton.InferInput(name, list(array.shape), "INT64")
        inputs.append(one.set_data_from_numpy(array))
    body, size = triton.InferenceServerClient.generate_request_body(inputs)
    head = (
        "POST /v2/models/small/infer HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Content-Length: {len(body)}\r\nInference-Header-Content-Length: {size}\r\n\r\n"
    )
    return head.encode() + bytes(body)


def json_request(row: NDArray[np.int64]) -> bytes:
    return post("/infer", {"token_ids": row.tolist(), "lengths": [row.shape[1]]})


def cpu_of_many(process: psutil.Process, client: Client, clients: int) -> float:
    """CPU milliseconds of the process per request while so many ask again and again."""
    before = process.cpu_times()
    answers = client.closed(clients, TURN)
    after = process.cpu_times()
    assert (answers.status == 200).all()
    used = float(after.user + after.system - before.user - before.system)
    return 1000 * used / len(answers.status)


@contextmanager
def service(command: list[str], path: str) -> Iterator[tuple[int, psutil.Process]]:
    """A service of ours, started with `command` and a port: (port, process) when it answers."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(
        [sys.executable, *command, str(port)], stdout=quiet, stderr=quiet
    ) as child:
        try:
            while not answers(f"http://127.0.0.1:{port}{path}"):
                if child.poll() is not None:
                    raise SystemExit(f"it did not start: {' '.join(command)}")
                time.sleep(0.1)
            yield port, psutil.Process(child.pid)
        finally:
            child.terminate()


def answers(url: str) -> bool:
    try:
        return httpx.get(url).status_code == 200
    except httpx.TransportError:
        return False


def report(result: Result, load: str, how: str, name: str, out: Path) -> None:
    """Print a line and keep it with its numbers."""
    line = (
        f"tritonclient, binary: {result.service:.3f} ms of CPU a request; FastAPI by hand, JSON "
        f"({how}): {result.by_hand:.3f} ms; ratio {result.ratio:.2f} ({result.lowest:.2f} to "
        f"{result.highest:.2f}). {load}; {psutil.cpu_count()} cores, load average "
        f"{psutil.getloadavg()[0]:.1f}."
    )
    typer.echo(line)
    out.mkdir(parents=True, exist_ok=True)
    facts = {"load": load, "by_hand_how": how, "python": platform.python_version()}
    content = json.dumps({**asdict(result), **facts}, indent=2)
    (out / f"{name}.json").write_text(content + "\n", encoding="utf-8")
    (out / f"{name}.md").write_text(line + "\n", encoding="utf-8")


if __name__ == "__main__":
    cli()
