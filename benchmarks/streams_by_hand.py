"""What one writes in an hour to keep states: FastAPI, pydantic, a session, a dict. To compare with.

`python -m benchmarks.streams_by_hand GRAPH PORT`: POST /step/{stream} goes on from the state in a
dict, which ends with the process. POST /window is sent the last points and begins anew each time.
"""

from collections import defaultdict
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import onnxruntime as ort
import typer
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel


class Values(BaseModel):
    values: list[float]


class Answer(BaseModel):
    output: list[float]
    position: int


def main(
    graph: Path,
    port: int,
    hidden: Annotated[int, typer.Option(help="Units of the LSTM.")] = 40,
) -> None:
    """Serve until a signal."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(str(graph), options)
    app = FastAPI()

    def first() -> list[Any]:
        return [np.zeros((1, 1, hidden), np.float32), np.zeros((1, 1, hidden), np.float32), 0]

    states: dict[str, list[Any]] = defaultdict(first)

    def run(values: list[float], state: list[Any]) -> Any:
        feeds = {
            "values": np.array(values, np.float32).reshape(1, -1, 1),
            "lengths": np.array([len(values)], np.int64),
            "h": state[0],
            "c": state[1],
        }
        return session.run(["output", "next_h", "next_c"], feeds)

    @app.post("/step/{stream}")
    async def step(stream: str, body: Values) -> Answer:
        state = states[stream]
        output, h, c = run(body.values, state)
        state[:] = h, c, state[2] + len(body.values)
        return Answer(output=output.ravel().tolist(), position=state[2])

    @app.post("/window")
    async def window(body: Values) -> Answer:
        output, _, _ = run(body.values, first())
        return Answer(output=output.ravel().tolist()[-1:], position=len(body.values))

    uvicorn.run(app, host="127.0.0.1", port=port)


if __name__ == "__main__":
    typer.run(main)
