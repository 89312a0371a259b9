"""What Nixtla's client sends, and what it reads. Knows no answer; `nixtla` gives them."""

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, Field, WithJsonSchema

from app.api.bodies.fields import FastList
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
    "feature_contributions": "true or false",
    "feature_contributions_type": "a text; it changes nothing",
    "multivariate": "false",
    "n_windows": "a whole number from 1",
    "step_size": "a whole number from 1, or null",
    "full_history": "true or false",
    "refit": "true or false; it changes nothing",
    "hist_exog": "numbers of rows of X, or null",
    "detection_size": "a whole number from 1",
    "threshold_method": "univariate",
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
    start_datetime: FastList[str] | None = Field(None, description="Of the first value of each.")
    X: Annotated[Any, WithJsonSchema(_ROWS | {"description": "Covariates of the past."})] = None
    X_future: Annotated[Any, WithJsonSchema(_ROWS | {"description": "Of the future."})] = None
    categorical_exog: FastList[int] | None = Field(None, description="Rows that hold categories.")


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
    feature_contributions: bool = Field(False, description="Whether to tell them.")
    feature_contributions_type: str | None = Field(
        None, max_length=32, description="Changes nothing."
    )

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
            if getattr(self, name, None):
                raise InvalidInput("this is not served", field=name, allowed=ALLOWED[name])


class NixtlaForecastRequest(NixtlaRequest):
    """Which series, how far ahead, and how sure."""

    h: int = Field(ge=1, description="Steps to predict.")
    level: FastList[float] | None = Field(
        None, max_length=49, description="Intervals, in per cent."
    )


class NixtlaValidationRequest(NixtlaForecastRequest):
    """Forecasts of what is known already."""

    n_windows: int = Field(1, ge=1, description="How many for each series.")
    step_size: int | None = Field(None, ge=1, description="Steps between them; h if absent.")
    full_history: bool = Field(False, description="All but the first fifth.")
    refit: bool = Field(True, description="Changes nothing.")
    hist_exog: FastList[int] | None = Field(None, description="Rows whose future nobody knew.")


class NixtlaAnomalyRequest(NixtlaRequest):
    """Which series, and what is unusual enough."""

    level: float = Field(
        99, ge=0, lt=100, description="Values outside this interval, in per cent, are unusual."
    )


class NixtlaOnlineRequest(NixtlaAnomalyRequest):
    """The same of the last values only."""

    h: int = Field(ge=1, description="Steps that are forecast at a time.")
    detection_size: int = Field(ge=1, description="Last values that are judged.")
    step_size: int | None = Field(None, ge=1, description="Steps between forecasts; h if absent.")
    threshold_method: str = Field("univariate", max_length=32, description="univariate.")
    refit: bool = Field(True, description="Changes nothing.")
    hist_exog: FastList[int] | None = Field(None, description="Rows whose future nobody knew.")


class NixtlaForecast(BaseModel):
    """The steps of all series, one behind the other."""

    mean: list[float]
    intervals: dict[str, list[float]] | None = Field(
        description="`lo-80` and `hi-80` for the level 80, and so on; null without levels."
    )
    weights_x: list[float] | None = Field(description="null.")
    feature_contributions: list[list[float]] | None = Field(
        description="Of each covariate what it adds at each step, and the rest; null if not asked."
    )


class NixtlaValidation(NixtlaForecast):
    """The same of what is known already."""

    sizes: list[int] = Field(description="Values of each series that were forecast.")
    idxs: list[int] = Field(description="Where in `y` each of them stands.")


class NixtlaAnomalies(NixtlaValidation):
    """The same, and what is unusual."""

    anomaly: list[bool] = Field(description="Whether a value lies outside its interval.")
    anomaly_score: list[float] = Field(
        description="How far it is from the median, in standard deviations of a normal "
        "distribution with this interval."
    )


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
