"""What a step takes of the event loop, with `app/api/streams/step_rounds.py` and without it.

Both ways in one process, in turns, without sockets: what differs is the application alone. CPU time
of the loop's thread, so a busy machine matters little; log lines and metrics follow on another one.

    python -m benchmarks.step_rounds
"""

import asyncio
import io
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from app.api.application import Application
from app.http.dispatch import Dispatcher
from app.main import create_app
from app.settings import load_settings
from app.telemetry import log
from tests.streams import write_stream_version

STREAMS = 64  # that take a step at once


class Asked:
    """One request, as the server would hand it on. answered: once it is."""

    keep_alive = True

    def __init__(self, app: Application, method: str, path: str, body: Any) -> None:
        self._app = app
        self._body = json.dumps(body).encode()
        self.arrived = time.monotonic()
        self.answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "scheme": "http",
            "headers": [
                (b"host", b"127.0.0.1"),
                (b"content-type", b"application/json"),
                (b"content-length", b"%d" % len(self._body)),
            ],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
            "state": {},
        }

    def whole_body(self) -> bytes:
        return self._body

    def respond(self, answer: bytes) -> None:
        assert b"position" in answer
        self.answered.set_result(None)

    def refuse(self, answer: bytes) -> None:
        raise AssertionError(answer)

    def run(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        waiting = [{"type": "http.request", "body": self._body, "more_body": False}]
        status = []

        async def receive() -> Any:
            if waiting:
                return waiting.pop()
            await asyncio.Event().wait()

        async def send(message: Any) -> None:
            status.append(message.get("status"))

        await self._app(self.scope, receive, send)
        assert status[0] in (200, 201)
        self.answered.set_result(None)


def wait(app: Application) -> None:
    """Until the models are loaded."""
    while app.services.repository.status != "ready":
        time.sleep(0.05)


async def measure(app: Application, rounds: int) -> dict[str, list[float]]:
    """Microseconds a step of each round, by way."""
    found: dict[str, list[float]] = {"rounds": [], "FastAPI": []}
    async with app.router.lifespan_context(app):
        await asyncio.to_thread(wait, app)
        ways = {"rounds": Dispatcher(app.shed, app.answer), "FastAPI": Dispatcher(app.shed)}

        async def ask(way: str, method: str, path: str, body: Any) -> None:
            asked = Asked(app, method, path, body)
            ways[way].submit(asked)
            await asked.answered

        names = [f"/streams/s{number}" for number in range(STREAMS)]
        for name in names:
            await ask("FastAPI", "PUT", name, {"model": "lstm"})
        for number in range(2 * rounds):
            way = list(found)[number % 2]
            start = time.thread_time()
            body = {"values": [0.5]}
            await asyncio.gather(*[ask(way, "POST", f"{name}/steps", body) for name in names])
            found[way].append((time.thread_time() - start) / STREAMS * 1e6)
    return found


def main(rounds: Annotated[int, typer.Option(help="Of each way.")] = 150) -> None:
    """Print what a step takes, by store and way."""
    log.configure("json", "INFO", io.StringIO())
    for store in ("memory", "sqlite"):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            write_stream_version(folder / "models", hidden=40)
            url = "memory://" if store == "memory" else ""
            settings = load_settings(
                models_dir=folder / "models", streams_dir=folder / "streams", streams_url=url
            )
            found = asyncio.run(measure(create_app(settings), rounds))
        middle = {way: statistics.median(taken) for way, taken in found.items()}
        for way, taken in found.items():
            typer.echo(f"{store}, {way}: {middle[way]:.0f} us a step (least {min(taken):.0f})")
        typer.echo(f"{store}: {middle['FastAPI'] / middle['rounds']:.2f} x")


if __name__ == "__main__":
    typer.run(main)
