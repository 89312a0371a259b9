"""What a caption costs, and how many there are a second: one client, eight clients, the decoder.

Asks `unroll serve` over a socket, and the engine in this process with an encoder that remembers.
Measures a version of a folder of models, or one of random weights and of the size of ours.
"""

import asyncio
import io
import json
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import httpx
import numpy as np
import numpy.typing as npt
import typer
from PIL import Image

from app.serving.models.manifest import Manifest, read_manifest
from app.serving.runtime.session import Session
from app.serving.runtime.threads import available_threads
from app.serving.scheduling.step_runs import Stepper
from app.serving.scheduling.step_scheduler import StepScheduler
from app.tasks.caption.run import CaptionExample
from app.tasks.caption.task import DECODER, ENCODER, CaptionTask
from app.training.common.cards import markdown_table
from benchmarks.caption_model import MODEL, write_random
from benchmarks.http import cpu_seconds, service

Array = npt.NDArray[Any]

WORDS = 12  # of a caption of random weights, which would not end by itself
LOADS = ("what", "clients", "captions/s", "times", "CPU ms each", "times less")
STEPS = ("rows in a step of the decoder", "ms of processor time", "ms each row")
STEP_ROWS = (1, 3, 12, 24)
_IMAGES = 16


@dataclass(frozen=True)
class Rate:
    """Captions a second, and milliseconds of processor time that each took."""

    clients: int
    per_second: float
    cpu: float


class Remembering:
    """An encoder that has seen every image already: what is left is the decoder's share."""

    def __init__(self, encoder: Session) -> None:
        self.inputs, self.outputs = encoder.inputs, encoder.outputs
        self._encoder = encoder
        self._known: dict[bytes, Mapping[str, Array]] = {}

    def run(self, feeds: Mapping[str, Array], names: Sequence[str]) -> dict[str, Array]:
        (key,) = feeds
        rows = []
        for image in feeds[key]:
            mark = image[0, ::16].tobytes()
            if mark not in self._known:
                self._known[mark] = self._encoder.run({key: image[None]}, names)
            rows.append(self._known[mark])
        return {name: np.concatenate([row[name] for row in rows]) for name in names}


def photographs(count: int, size: int = 160) -> list[bytes]:
    """JPEG files of smooth random colours: as large as those of the data set, and nobody's."""
    draw = np.random.default_rng(0)
    files = []
    for _ in range(count):
        small = Image.fromarray(draw.integers(0, 256, (12, 12, 3), np.uint8))
        file = io.BytesIO()
        small.resize((size, size), Image.Resampling.BICUBIC).save(file, "JPEG", quality=85)
        files.append(file.getvalue())
    return files


def load(folder: Path, *, remembering: bool) -> CaptionTask:
    """The task of a version, with sessions of its own."""
    manifest: Manifest = read_manifest(folder)

    def open_session(name: str) -> Any:
        session = Session((folder / name).read_bytes())
        return Remembering(session) if remembering and name == ENCODER else session

    return CaptionTask.load(folder, manifest, open_session)


def parts(folder: Path, files: Sequence[bytes], search: Mapping[str, Any]) -> dict[str, float]:
    """Milliseconds of processor time of the parts of one request alone, on one core."""
    task = load(folder, remembering=False)
    for _ in range(3):
        task.predict([task.encode(files[0], **search)])
    read = began = stepped = steps = 0.0
    for file in files:
        start = time.thread_time()
        example = task.encode(file, **search)
        at_begin = time.thread_time()
        (run,) = task.begin([example])
        at_steps = time.thread_time()
        while not run.finished:
            task.step([run])
            steps += 1
        stepped += time.thread_time() - at_steps
        began += at_steps - at_begin
        read += at_begin - start
    scale = 1000 / len(files)
    return {
        "read the file": read * scale,
        "encoder": began * scale,
        "steps": stepped * scale,
        "each step": stepped * 1000 / steps,
        "steps of a caption": steps / len(files),
    }


def step_costs(folder: Path, rounds: int = 100) -> list[tuple[str, str, str]]:
    """Of a step of the graph by rows: milliseconds of processor time, and of each row."""
    session = Session((folder / DECODER).read_bytes())
    draw = np.random.default_rng(0)
    found = []
    for rows in STEP_ROWS:
        feeds: dict[str, Array] = {}
        for each in session.inputs:
            if each.type == "tensor(int64)":
                feeds[each.name] = draw.integers(2, 100, rows)
            else:
                shape = (rows, *(size for size in each.shape[1:] if isinstance(size, int)))
                feeds[each.name] = draw.normal(size=shape).astype(np.float32)
        times = []
        for _ in range(rounds):
            start = time.thread_time()
            session.run(feeds)
            times.append(1000 * (time.thread_time() - start))
        cost = float(np.median(times))
        found.append((str(rows), f"{cost:.3f}", f"{cost / rows:.3f}"))
    return found


def decoder_rate(
    folder: Path, files: Sequence[bytes], search: Mapping[str, Any], clients: int, seconds: float
) -> Rate:
    """What the engine gives to so many clients if the encoder costs nothing."""
    tasks = [load(folder, remembering=True) for _ in range(available_threads())]
    examples = [tasks[0].encode(file, **search) for file in files]
    for task in tasks:
        task.predict(examples)
    scheduler: StepScheduler[CaptionExample, Any] = StepScheduler(
        [Stepper(task, {}) for task in tasks], model="benchmark", version="1"
    )
    done = [0] * clients
    end = time.perf_counter() + seconds

    def client(number: int) -> None:
        while time.perf_counter() < end:
            scheduler.submit(examples[(number + done[number]) % len(examples)]).result()
            done[number] += 1

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    used, start = time.process_time(), time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wall, used = time.perf_counter() - start, time.process_time() - used
    scheduler.close()
    return Rate(clients, sum(done) / wall, 1000 * used / sum(done))


async def http_rate(
    url: str, process: Any, files: Sequence[bytes], query: str, clients: int, seconds: float
) -> Rate:
    """What `unroll serve` gives to so many clients, each waiting for its answer."""
    done = 0
    end = time.perf_counter() + seconds

    async def client(http: httpx.AsyncClient, number: int) -> None:
        nonlocal done
        place = number
        while time.perf_counter() < end:
            content = files[place % len(files)]
            (await http.post(query, content=content)).raise_for_status()
            done += 1
            place += 1

    headers = {"Content-Type": "image/jpeg"}
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=60) as http:
        cpu, start = cpu_seconds(process), time.perf_counter()
        await asyncio.gather(*(client(http, number) for number in range(clients)))
        wall, cpu = time.perf_counter() - start, cpu_seconds(process) - cpu
    return Rate(clients, done / wall, 1000 * cpu / done)


def best(measure: Callable[..., Rate], rounds: int) -> list[Rate]:
    """The highest rate, and the least processor time, of one client and of eight."""
    found: dict[int, list[Rate]] = {1: [], 8: []}
    for _ in range(rounds):
        for clients, rates in found.items():
            rates.append(measure(clients=clients))
    return [
        Rate(clients, max(each.per_second for each in rates), min(each.cpu for each in rates))
        for clients, rates in found.items()
    ]


@contextmanager
def version_to_measure(models: Path | None, name: str) -> Iterator[tuple[Path, Path, bool]]:
    """(the folder of models, that of the version, whether its weights are random)."""
    if models is not None:
        versions = sorted((models / name).iterdir(), key=lambda each: int(each.name))
        yield models, versions[-1], False
        return
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        yield root, write_random(root), True


def main(
    models: Annotated[
        Path | None, typer.Option(help="Folder of models; without it weights are random.")
    ] = None,
    name: Annotated[str, typer.Option(help="Model to measure.")] = MODEL,
    beam_width: Annotated[int, typer.Option(help="Beams of a request.")] = 3,
    seconds: Annotated[float, typer.Option(help="Of each load.")] = 3.0,
    rounds: Annotated[
        int, typer.Option(help="Of all loads in turn; the best counts, others being disturbed.")
    ] = 5,
    out: Annotated[Path | None, typer.Option(help="Folder of results.")] = None,
) -> None:
    """Measure POST /caption and its parts."""
    files = photographs(_IMAGES)
    with version_to_measure(models, name) as (root, folder, is_random):
        search: dict[str, Any] = {"beam_width": beam_width}
        if is_random:
            search["max_length"] = WORDS
        figures = parts(folder, files, search)
        steps = step_costs(folder)
        measure = partial(decoder_rate, folder, files, search, seconds=seconds)
        decoder = best(measure, rounds)
        os.environ["UNROLL_MODELS_DIR"] = str(root)
        query = "/caption?" + "&".join(f"{key}={value}" for key, value in search.items())
        query += f"&model={name}"
        with service() as (url, process):

            def ask(clients: int, seconds: float = seconds) -> Rate:
                return asyncio.run(http_rate(url, process, files, query, clients, seconds))

            ask(2, 1.0)  # warm
            whole = best(ask, rounds)
    rows = [(part, f"{value:.2f}") for part, value in figures.items()]
    loads = [
        (
            what,
            str(rate.clients),
            f"{rate.per_second:.1f}",
            f"{rate.per_second / rates[0].per_second:.2f}",
            f"{rate.cpu:.1f}",
            f"{rates[0].cpu / rate.cpu:.2f}",
        )
        for what, rates in (("POST /caption", whole), ("decoder alone", decoder))
        for rate in rates
    ]
    heading = f"{'random weights' if is_random else f'{name} {folder.name}'}, beam {beam_width}, "
    heading += f"{available_threads()} cores"
    text = "\n\n".join(
        (
            heading,
            markdown_table(("part of a request, alone", "ms of processor time"), rows),
            markdown_table(STEPS, steps),
            markdown_table(LOADS, loads),
        )
    )
    typer.echo(text)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        (out / "caption.md").write_text(text + "\n", encoding="utf-8")
        results = {
            "model": heading,
            "parts": figures,
            "http": [vars(rate) for rate in whole],
            "decoder": [vars(rate) for rate in decoder],
        }
        (out / "caption.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
