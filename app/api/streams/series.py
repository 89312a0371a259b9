"""Values of streams: what a request brings, and what is answered. Knows JSON; no route.

Of a forecaster that streams an entry is a value, and it is answered with what had been foretold of
it; of a graph with one input it is what `values` reads.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from app.api.bodies.fields import shown
from app.api.forecasts.series import check_series
from app.api.responses import answer_json
from app.api.streams.states import Streamed
from app.api.streams.values import read_values, write_steps
from app.api.work import encode_at
from app.errors import InvalidInput
from app.tasks.anomalies.streams import Feedback, ValueSteps, ValueStream
from app.tasks.tensor.checks import Limits
from app.tasks.tensor.streams import StreamSteps

Array = npt.NDArray[Any]
_ALLOWED: Final = "a list of finite numbers, null for a missing value"


class Told(BaseModel):
    """Whether an earlier value was an anomaly."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    position: int = Field(ge=0, description="Position of the value, as it was answered.")
    anomalous: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request with values brings; see `StepsRequest`."""

    values: Any
    horizon: int | None
    feedback: list[Told] | None
    outputs: list[str] | None

    def check(self, most: int) -> None:
        """Raises InvalidInput for a horizon of more than `most` steps."""
        if (self.horizon or 0) > most:
            raise InvalidInput(
                f"{shown(self.horizon)} steps are too many, {most} is the most",
                field="horizon",
                allowed=f"a whole number from 1 to {most}",
            )


def read_entries(asked: Asked, limits: Limits, graph: Streamed) -> StreamSteps | ValueSteps:
    """The steps that `asked` brings for a graph. Raises InvalidInput."""
    if not isinstance(graph, ValueStream):
        for name, there in (("horizon", asked.horizon), ("feedback", asked.feedback)):
            if there:
                raise InvalidInput(
                    "the model forecasts nothing", field=name, allowed="null, for this model"
                )
        return read_values(asked.values, limits, graph)
    if asked.outputs is not None:
        raise InvalidInput(
            "a forecaster has no outputs to choose from", field="outputs", allowed="null"
        )
    [series], many = encode_at(
        {"series": "values"},
        check_series,
        value=asked.values,
        max_series=1,
        max_points=limits.steps,
    )
    if many:
        raise InvalidInput(
            f"expected a number or null, got {shown(asked.values[0])}",
            field="values[0]",
            allowed=_ALLOWED,
        )
    feedback = tuple(Feedback(each.position, each.anomalous) for each in asked.feedback or ())
    return ValueSteps(np.array(series, dtype=np.float64), asked.horizon or 0, feedback)


@lru_cache(maxsize=256)
def _names(levels: tuple[float, ...]) -> list[str]:
    return [repr(each) for each in levels]


def write_entries(graph: Streamed, outputs: Mapping[str, Any], count: int) -> bytes:
    """The member `steps` of an answer, and `forecast` if one was asked for."""
    if not isinstance(graph, ValueStream):
        return write_steps(graph, outputs, count)
    levels = _names(outputs["levels"])
    names = ("value", "expected", "quantiles", "anomaly_score", "anomalous", "warming")
    columns = zip(*(outputs[name] for name in names), strict=True)
    steps = []
    for position, (value, expected, quantiles, score, anomalous, warming) in enumerate(
        columns, outputs["position"]
    ):
        foretold = expected == expected  # not NaN
        missing = value != value
        step: dict[str, Any] = {
            "position": position,
            "value": None if missing else value,
            "expected": expected if foretold else None,
            "quantiles": dict(zip(levels, quantiles, strict=True)) if foretold else None,
            "anomaly_score": score,
            "anomalous": anomalous,
        }
        if missing:
            step["note"] = "missing"
        elif not foretold:
            step["note"] = "the first value: nothing was foretold"
        elif warming:
            step["note"] = f"warming up: {position + 1} of {graph.warm_up} values"
        steps.append(step)
    content = b'"steps":' + answer_json(steps)
    if outputs["horizon"]:
        paths = outputs["paths"].T.tolist()
        forecast = {
            "mean": outputs["mean"].tolist(),
            "median": outputs["median"].tolist(),
            "quantiles": dict(zip(levels, paths, strict=True)),
        }
        content += b',"forecast":' + answer_json(forecast if paths and paths[0] else None)
    return content
