"""What a request for steps of a stream brings, and what it is answered with. Knows fields only."""

from typing import Annotated, Any, Final

from pydantic import BaseModel, Field, WithJsonSchema

from app.api.bodies.fields import FastList
from app.api.generation import ALLOWED, GenerationFields
from app.api.routes.generate import GeneratedSample
from app.api.streams.series import Told
from app.settings import Settings

_TENSOR: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["name", "datatype", "shape", "data"],
    "properties": {
        "name": {"type": "string"},
        "datatype": {"type": "string"},
        "shape": {"type": "array", "items": {"type": "integer"}},
        "data": {},
    },
}


class StepsRequest(GenerationFields):
    """Which steps, and where the stream should be before them.

    The fields of GenerationFields, and `max_length`, are for language models.
    """

    position: int | None = Field(
        None, ge=0, description="Steps that the stream has taken before these, as far as is known."
    )
    inputs: Annotated[
        Any,
        WithJsonSchema(
            {
                "description": "Tensors as `/v2` has them, with a batch axis of 1.",
                "type": "array",
                "items": _TENSOR,
            }
        ),
    ] = None
    values: Annotated[
        Any,
        WithJsonSchema(
            {
                "description": "One entry a step: of a forecaster that streams a number, or "
                "null for a missing value; of a graph with one input a number or a list.",
                "type": "array",
                "minItems": 1,
                "items": {},
            }
        ),
    ] = None
    text: str | None = Field(
        None, description="For language models: how the text goes on, before more is written."
    )
    max_length: int | None = Field(
        None, ge=0, description="For language models: units to write, at most; 0 if it is absent."
    )
    horizon: int | None = Field(
        None, ge=1, description="Of a forecaster that streams: steps to forecast from here."
    )
    feedback: FastList[Told] | None = Field(
        None,
        min_length=1,
        max_length=100,
        description="Of a forecaster that streams: which earlier values were anomalies, or not. "
        "It moves the threshold of this stream before the values are taken.",
    )
    outputs: FastList[str] | None = Field(
        None, min_length=1, max_length=100, description="Names of outputs; all but the states."
    )


class StepsAnswer(BaseModel):
    """What the steps were answered with."""

    stream: str
    model: str
    version: str = Field(description="The version that computed these steps.")
    position: int = Field(description="Steps that the stream has taken after these.")
    replayed: bool = Field(
        description="Whether this is the kept answer to steps that had been taken before."
    )
    moved: dict[str, Any] | None = Field(
        None,
        description="Only when the stream was moved to another version just now: `from` which one, "
        "`steps` that it was fed with, whether these are `complete`, and the largest `difference` "
        "between both answers to the last request.",
    )
    outputs: list[Any] | None = Field(None, description="Tensors, if `inputs` were sent.")
    steps: list[dict[str, Any]] | None = Field(
        None,
        description="Of each step its outputs by name, if `values` were sent; of a forecaster that "
        "streams `position`, `value`, `expected`, `quantiles`, `anomaly_score`, `anomalous`, and a "
        "`note` where there is one.",
    )
    forecast: dict[str, Any] | None = Field(
        None,
        description="If a `horizon` was sent: `mean`, `median` and `quantiles` of each step from "
        "here; null before the first known value.",
    )
    sample: GeneratedSample | None = Field(
        None, description="Of a language model: what was written, as `POST /generate` has it."
    )


EXAMPLES: Final[dict[str, Any]] = {
    "values": {"summary": "Two steps", "value": {"position": 0, "values": [0.5, 0.7]}},
    "forecast": {
        "summary": "A value of a forecaster that streams, and what comes next",
        "value": {"values": [12.1, None], "horizon": 3},
    },
    "inputs": {
        "summary": "One step as tensors",
        "value": {
            "inputs": [{"name": "values", "datatype": "FP32", "shape": [1, 1, 1], "data": [0.5]}]
        },
    },
    "text": {
        "summary": "A text that goes on, of a language model",
        "value": {"position": 0, "text": "ROMEO:", "max_length": 40, "seed": 1},
    },
}


def allowed_fields(settings: Settings) -> dict[str, str]:
    """What each field of a request may hold."""
    return {
        "position": "a whole number from 0, or null",
        "inputs": "a list of tensors, each with name, datatype, shape and data",
        "values": "a list of one entry a step, one at least",
        "text": f"for a language model: a text, at most {settings.max_text_characters} characters",
        "max_length": "for a language model: a whole number from 0",
        "horizon": f"for a forecaster: a whole number from 1 to {settings.max_horizon}",
        "feedback": "for a forecaster: a list of {position, anomalous}",
        "outputs": "a list of names of outputs, or null",
        **ALLOWED,
    }
