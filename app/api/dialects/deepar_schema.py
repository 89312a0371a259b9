"""What DeepAR and GluonTS are sent, and what they answer. Knows no answer; `deepar` gives them."""

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, Field, WithJsonSchema

from app.api.bodies.fields import FastList
from app.api.dialects.common import STRICT

ALLOWED: Final = {
    "instances": "a list of objects with start and target",
    "configuration": "an object with num_samples, output_types, quantiles, and our own "
    "prediction_length, frequency and model",
}
_DECILES: Final[list[str | float]] = [f"0.{each}" for each in range(1, 10)]


class DeepARInstance(BaseModel):
    """One series."""

    model_config = STRICT

    start: str | None = Field(None, description="Timestamp of the first value.")
    target: Annotated[
        Any,
        WithJsonSchema(
            {
                "type": "array",
                "items": {"anyOf": [{"type": ["number", "null"]}, {"const": "NaN"}]},
                "description": 'Oldest value first; `null` and `"NaN"` are missing values.',
            }
        ),
    ]
    cat: FastList[int] | None = Field(None, description="Refused: the networks know no categories.")
    dynamic_feat: Annotated[
        Any,
        WithJsonSchema(
            {
                "type": ["array", "null"],
                "items": {"type": "array"},
                "description": "Covariates, each as long as the target and the steps to predict.",
            }
        ),
    ] = None


class DeepARConfiguration(BaseModel):
    """What is wanted of each."""

    model_config = STRICT

    num_samples: int = Field(100, ge=1, le=1000, description="Paths, if those are wanted.")
    output_types: FastList[Literal["mean", "quantiles", "samples"]] = Field(
        default=["mean", "quantiles"], min_length=1, description="What the answer holds."
    )
    quantiles: FastList[str | float] = Field(
        default=_DECILES, min_length=1, max_length=99, description="Levels, as texts or numbers."
    )
    prediction_length: int | None = Field(
        None, description="Steps to predict; as many as the network was trained for if absent."
    )
    frequency: str | None = Field(None, max_length=32, description="Spacing as a pandas alias.")
    model: str = Field("forecast", max_length=64, description="Which model to ask.")


class DeepARRequest(BaseModel):
    """Which series, and what is wanted of them."""

    model_config = STRICT

    instances: FastList[DeepARInstance] = Field(min_length=1, description="The series.")
    configuration: DeepARConfiguration = DeepARConfiguration()


class DeepARPrediction(BaseModel):
    """What was wanted of one series."""

    mean: list[float] | None = None
    quantiles: dict[str, list[float]] | None = Field(None, description="By levels as sent.")
    samples: list[list[float]] | None = Field(None, description="Paths, each over all steps.")


class DeepARAnswer(BaseModel):
    """A prediction for each instance, in order."""

    predictions: list[DeepARPrediction]
