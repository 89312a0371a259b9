"""What Nixtla's client sends, and what it reads. Knows no answer; `nixtla` gives them."""

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, Field, WithJsonSchema

from app.api.dialects.common import STRICT
from app.errors import InvalidInput

_NUMBERS: Final = {"type": "array", "items": {"type": ["number", "null"]}}
_ROWS: Final = {"anyOf": [{"type": "array", "items": {"type": "array"}}, {"type": "null"}]}

ALLOWED: Final = {
    "series": "an object with y and sizes",
    "model": "the name of a model; timegpt-1 and the like stand for forecast",
    "h": "a whole number of steps",
    "freq": "a pandas alias such as h, D, W, MS",
    "level": "a list of percentages from 0 to below 100, or null",
    "clean_ex_first": "true or false; it changes nothing",
    "finetune_steps": "0",
    "finetune_depth": "a whole number; it changes nothing",
    "finetune_loss": "a text; it changes nothing",
    "finetuned_model_id": "null",
    "feature_contributions": "false",
    "feature_contributions_type": "a text; it changes nothing",
    "multivariate": "false",
    "model_parameters": "null",
}


class NixtlaSeries(BaseModel):
    """All series, one behind the other."""

    model_config = STRICT

    y: Annotated[Any, WithJsonSchema(_NUMBERS | {"description": "The values of all series."})]
    sizes: Annotated[
        Any,
        WithJsonSchema(
            {
                "type": "array",
                "items": {"type": "integer", "minimum": 1},
                "description": "How many of them each series has.",
            }
        ),
    ]
    start_datetime: list[str] | None = Field(None, description="Of the first value of each.")
    X: Annotated[Any, WithJsonSchema(_ROWS | {"description": "Covariates of the past."})] = None
    X_future: Annotated[Any, WithJsonSchema(_ROWS | {"description": "Of the future."})] = None
    categorical_exog: list[int] | None = Field(None, description="Rows that hold categories.")


class NixtlaRequest(BaseModel):
    """What every request of the client has."""

    model_config = STRICT

    series: NixtlaSeries
    model: str = Field("timegpt-1", max_length=64, description="Which model to ask.")
    freq: str = Field(max_length=32, description="Spacing of the values as a pandas alias.")
    clean_ex_first: bool = Field(True, description="Changes nothing.")
    finetune_steps: int = Field(0, description="0: nothing is fine-tuned here.")
    finetune_depth: int = Field(1, description="Changes nothing.")
    finetune_loss: str = Field("default", max_length=32, description="Changes nothing.")
    finetuned_model_id: str | None = Field(None, description="null: there are none.")
    multivariate: bool = Field(False, description="false: each series is forecast by itself.")
    model_parameters: dict[str, Any] | None = Field(None, description="null: there are none.")

    def refuse_what_is_not_served(self) -> None:
        """Raise InvalidInput for what this service has no answer to."""
        if self.finetune_steps:
            raise InvalidInput(
                "networks are not fine-tuned on requests; `unroll train forecast` learns from a "
                "file, and its model is asked by name",
                field="finetune_steps",
                allowed="0",
            )
        for name in ("finetuned_model_id", "model_parameters", "multivariate"):
            if getattr(self, name):
                raise InvalidInput("this is not served", field=name, allowed=ALLOWED[name])


class NixtlaForecastRequest(NixtlaRequest):
    """Which series, how far ahead, and how sure."""

    h: int = Field(description="Steps to predict.")
    level: list[float] | None = Field(None, max_length=49, description="Intervals, in per cent.")
    feature_contributions: bool = Field(False, description="false: they are not told here.")
    feature_contributions_type: str | None = Field(
        None, max_length=32, description="Changes nothing."
    )


class NixtlaForecast(BaseModel):
    """The steps of all series, one behind the other."""

    mean: list[float]
    intervals: dict[str, list[float]] | None = Field(
        description="`lo-80` and `hi-80` for the level 80, and so on; null without levels."
    )
    weights_x: list[float] | None = Field(description="null.")
    feature_contributions: list[list[float]] | None = Field(description="null.")


class NixtlaParameters(BaseModel):
    """What the client asks before it sends series."""

    input_size: int = Field(description="Points that a forecast may use; more need not be sent.")
    horizon: int = Field(description="Steps that the network was trained for.")


class NixtlaModelParameters(BaseModel):
    """The same, as the client reads it."""

    detail: NixtlaParameters


class NixtlaKey(BaseModel):
    """The key is known, or none is asked for."""

    detail: Literal["API key is valid"] = "API key is valid"
