"""What one writes in an hour: FastAPI, pydantic, a session. The services to compare with.

`python -m benchmarks.load.by_hand MODELS PORT` answers the same requests with the same fields as
Unroll does: POST /v2/models/small/infer (typed, by pydantic) and POST /sentiment (the same
tokeniser). POST /small takes the small network's row as one list, the least that one can ask for.
The session runs inline in an `async def`, one row at a time, on one thread. With `--fifo 32`
requests wait up to a few milliseconds for others, the first 32 that came are padded to the longest
of them, and computed in a thread on every core, as general model servers do.
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import onnxruntime as ort
import typer
import uvicorn
from fastapi import FastAPI
from numpy.typing import NDArray
from pydantic import BaseModel
from tokenizers import Tokenizer

from benchmarks.load.corpus import LABELS

WAIT_SECONDS = 0.005  # of the batcher, for its batch to fill


class Tensor(BaseModel):
    """A tensor of the Open Inference Protocol, its elements as JSON."""

    name: str
    datatype: Literal["INT64", "FP32"]
    shape: list[int]
    data: list[int]


class InferRequest(BaseModel):
    inputs: list[Tensor]


class OutputTensor(BaseModel):
    name: str
    datatype: str
    shape: list[int]
    data: list[float]


class InferAnswer(BaseModel):
    model_name: str
    model_version: str
    outputs: list[OutputTensor]


class RowRequest(BaseModel):
    token_ids: list[int]


class RowAnswer(BaseModel):
    logits: list[float]


class TextRequest(BaseModel):
    text: str
    model: str = "large"


class Sentiment(BaseModel):
    label: str
    score: float
    probabilities: dict[str, float]
    truncated: bool
    tokens: int
    unknown_tokens: int


class SentimentAnswer(BaseModel):
    model: str
    version: str
    predictions: list[Sentiment]


class Batcher:
    """First come, first served: rows wait for each other, then for the longest of them."""

    def __init__(self, session: ort.InferenceSession, size: int) -> None:
        self._session = session
        self._size = size
        self._queue: asyncio.Queue[tuple[NDArray[np.int64], asyncio.Future[Any]]] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    async def run(self, ids: NDArray[np.int64]) -> Any:
        """The logits (classes) of one row (time)."""
        if self._task is None:
            self._task = asyncio.create_task(self._work())
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._queue.put_nowait((ids, future))
        return await future

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            batch = [await self._queue.get()]
            end = loop.time() + WAIT_SECONDS
            while len(batch) < self._size:
                try:
                    async with asyncio.timeout_at(end):
                        batch.append(await self._queue.get())
                except TimeoutError:
                    break
            logits = await asyncio.to_thread(self._compute, [ids for ids, _ in batch])
            for (_, future), row in zip(batch, logits, strict=True):
                if not future.done():
                    future.set_result(row)

    def _compute(self, rows: Sequence[NDArray[np.int64]]) -> Any:
        lengths = np.array([len(each) for each in rows], np.int64)
        token_ids = np.zeros((len(rows), lengths.max()), np.int64)
        for row, ids in zip(token_ids, rows, strict=True):
            row[: len(ids)] = ids
        return self._session.run(["logits"], {"token_ids": token_ids, "lengths": lengths})[0]


def make_app(models: Path, fifo: int) -> FastAPI:
    """Both routes; `fifo` is the largest batch, 0 runs every row by itself, inline."""
    options = ort.SessionOptions()
    if not fifo:
        options.intra_op_num_threads = 1
    small, large = (
        ort.InferenceSession(models / name / "1" / "model.onnx", options)
        for name in ("small", "large")
    )
    tokenizer = Tokenizer.from_file(str(models / "large" / "1" / "tokenizer.json"))
    batchers = [Batcher(each, fifo) for each in (small, large)]
    app = FastAPI()

    @app.post("/v2/models/small/infer")
    async def infer(body: InferRequest) -> InferAnswer:
        feeds = {
            each.name: np.array(each.data, np.int64).reshape(each.shape) for each in body.inputs
        }
        if fifo:
            logits = (await batchers[0].run(feeds["token_ids"][0]))[None]
        else:
            logits = small.run(["logits"], feeds)[0]
        output = OutputTensor(
            name="logits",
            datatype="FP32",
            shape=list(logits.shape),
            data=logits.reshape(-1).tolist(),
        )
        return InferAnswer(model_name="small", model_version="1", outputs=[output])

    @app.post("/small")
    async def row(body: RowRequest) -> RowAnswer:
        ids = np.array(body.token_ids, np.int64)
        feeds = {"token_ids": ids[None], "lengths": np.array([len(ids)], np.int64)}
        return RowAnswer(logits=small.run(["logits"], feeds)[0][0].tolist())

    @app.post("/sentiment")
    async def sentiment(body: TextRequest) -> SentimentAnswer:
        encoding = tokenizer.encode(body.text, add_special_tokens=False)
        ids = np.array(encoding.ids[:256], np.int64)
        if fifo:
            logits = await batchers[1].run(ids)
        else:
            feeds = {"token_ids": ids[None], "lengths": np.array([len(ids)], np.int64)}
            logits = large.run(["logits"], feeds)[0][0]
        weights = np.exp(logits - logits.max())
        probabilities = weights / weights.sum()
        best = int(probabilities.argmax())
        prediction = Sentiment(
            label=LABELS[best],
            score=float(probabilities[best]),
            probabilities=dict(zip(LABELS, probabilities.tolist(), strict=True)),
            truncated=len(encoding.ids) > len(ids),
            tokens=len(ids),
            unknown_tokens=int(np.count_nonzero(ids == 1)),
        )
        return SentimentAnswer(model="large", version="1", predictions=[prediction])

    return app


def main(
    models: Path,
    port: int,
    fifo: Annotated[int, typer.Option(help="Largest batch; 0 does not batch.")] = 0,
    workers: Annotated[int, typer.Option(help="Processes.")] = 1,
    access_log: Annotated[bool, typer.Option(help="Whether a line is written per request.")] = True,
) -> None:
    """Serve until a signal."""
    if workers == 1:
        uvicorn.run(make_app(models, fifo), port=port, access_log=access_log)
        return
    import os

    os.environ["BY_HAND_MODELS"] = str(models)
    uvicorn.run(
        "benchmarks.load.by_hand:from_environment",
        factory=True,
        port=port,
        workers=workers,
        access_log=access_log,
    )


def from_environment() -> FastAPI:
    """The application in each of several processes, which get nothing but a name."""
    import os

    return make_app(Path(os.environ["BY_HAND_MODELS"]), 0)


if __name__ == "__main__":
    typer.run(main)
