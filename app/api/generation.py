"""How a text goes on: fields that `POST /generate` and streams of texts share. Knows no route."""

from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from app.api.bodies.fields import shown
from app.errors import InvalidInput
from app.tasks.generate.sampling import MAX_SEED
from app.tasks.generate.task import MAX_STOP_CHARACTERS, MAX_STOPS, MAX_TEMPERATURE

_STOP_SHAPE: Final = f"a text of 1 to {MAX_STOP_CHARACTERS} characters, or up to {MAX_STOPS} such"

StopField = Annotated[
    Any,
    WithJsonSchema(
        {
            "title": "Stop",
            "description": "A text ends before the first of these.",
            "default": [],
            "anyOf": [
                {"type": "string", "minLength": 1, "maxLength": MAX_STOP_CHARACTERS},
                {
                    "type": "array",
                    "maxItems": MAX_STOPS,
                    "items": {"type": "string", "minLength": 1, "maxLength": MAX_STOP_CHARACTERS},
                },
            ],
        }
    ),
]


class GenerationFields(BaseModel):
    """How the next unit of a text is drawn, when the text ends, and what is told of it."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    temperature: float | None = Field(
        None,
        ge=0,
        le=MAX_TEMPERATURE,
        allow_inf_nan=False,
        description="The lower, the likelier is what is drawn; 0 takes the likeliest. Else the "
        "model's own.",
    )
    top_k: int | None = Field(
        None,
        ge=1,
        description="Only so many of the likeliest are drawn from. Else the model's own.",
    )
    top_p: float | None = Field(
        None,
        gt=0,
        le=1,
        allow_inf_nan=False,
        description="Only the likeliest that have so much probability together are drawn from. "
        "Else the model's own.",
    )
    seed: int | None = Field(
        None, ge=0, le=MAX_SEED, description="The same seed gives the same text; else one is drawn."
    )
    stop: StopField = ()
    log_probabilities: bool = Field(
        False, description="Whether to tell how likely each character was, prompt and text."
    )


ALLOWED: Final = {
    "temperature": f"a number, 0 to {MAX_TEMPERATURE:g}",
    "top_k": "a whole number from 1, at most as many as the model has characters",
    "top_p": "a number, more than 0, up to 1",
    "seed": f"a whole number, 0 to {MAX_SEED}",
    "stop": _STOP_SHAPE,
    "log_probabilities": "true or false",
}


def check_stop(stop: Any) -> None:
    """Raise InvalidInput unless it is a text, or a list of such."""
    stops = stop if isinstance(stop, list | tuple) else [stop]
    for index, each in enumerate(stops):
        if not isinstance(each, str):
            field = f"stop[{index}]" if isinstance(stop, list) else "stop"
            raise InvalidInput(
                f"expected a text, got {shown(each)}", field=field, allowed=_STOP_SHAPE
            )
