"""What /docs says of POST /caption: its answer, and its four kinds of body. Knows no image."""

from typing import Any, Final

from pydantic import BaseModel, Field

from app.api.events import text_events
from app.api.images import FIELD, FORM_TYPE, IMAGE_TYPES, JSON_TYPE

EVENTS: Final = text_events("The captions", "one caption", ("a", " dog"))
# A red square and a blue one, 8 x 8 pixels each.
_RED: Final = (
    "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAFUlEQVR42mM8ISfHgA0wMeAAg1MCANDKARQfGKMR"
    "AAAAAElFTkSuQmCC"
)
_BLUE: Final = (
    "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAFUlEQVR42mOUkzvBgA0wMeAAg1MCAM92ARQL59od"
    "AAAAAElFTkSuQmCC"
)


class CaptionCandidate(BaseModel):
    """One way to say what an image shows."""

    text: str = Field(description="The caption.")
    score: float = Field(
        description="What candidates are ordered by: the sum of its words' log-probabilities, "
        "divided by their number to the power of `length_penalty`."
    )
    probability: float = Field(
        description="How sure the network is, 0 to 1: the geometric mean of the words' "
        "probabilities, the end of the caption being one of them."
    )
    truncated: bool = Field(description="Whether it was cut at `max_length`.")


class WordAttention(BaseModel):
    """Where the network looked when it chose one word."""

    word: str
    weights: list[float] = Field(
        description="One per cell of the grid, row by row from the top left; they sum up to 1."
    )


class Attention(BaseModel):
    """Where the network looked, word by word of the best caption."""

    grid: list[int] = Field(description="Rows and columns that the image is cut into.")
    words: list[WordAttention] = Field(description="In the order of the caption.")


class Caption(BaseModel):
    """What one image shows."""

    text: str = Field(description="The best caption.")
    score: float = Field(description="Its score.")
    candidates: list[CaptionCandidate] = Field(
        description="The `num_captions` best, this one first; fewer if no more were found."
    )
    confidence: float | None = Field(
        None,
        description="The chance that the best caption is right, as calibrated on held-out "
        "photographs; only of models that can tell.",
    )
    abstained: bool | None = Field(
        None,
        description="True when the image is no photograph such as the model has learned: do not "
        "rely on the caption. Only of models that can tell.",
    )
    attention: Attention | None = Field(None, description="Only with `attention`.")


class CaptionAnswer(BaseModel):
    """One caption per image, in the order of the request."""

    model: str
    version: str
    captions: list[Caption]


def operation(options: type[BaseModel]) -> dict[str, Any]:
    """What FastAPI cannot see of a route that reads its body by itself: body and parameters."""
    properties = options.model_json_schema()["properties"]
    base64 = {"type": "string", "contentEncoding": "base64", "minLength": 1}
    both = {"anyOf": [base64, {"type": "array", "minItems": 1, "items": base64}]}
    many = "One image as base64, or a list of such; `data:` addresses are taken as well."
    file = {"type": "string", "contentMediaType": "application/octet-stream"}
    files = {"type": "array", "minItems": 1, "items": file, "description": "One file or several."}
    content: dict[str, Any] = {
        JSON_TYPE: {
            "schema": {
                "type": "object",
                "title": "CaptionRequest",
                "additionalProperties": False,
                "required": [FIELD],
                "properties": {FIELD: both | {"description": many}, **properties},
            },
            "examples": {
                "one": {"summary": "An image", "value": {FIELD: _RED}},
                "many": {
                    "summary": "Two images, three captions each",
                    "value": {FIELD: [_RED, _BLUE], "beam_width": 3, "num_captions": 3},
                },
            },
        },
        FORM_TYPE: {
            "schema": {
                "type": "object",
                "required": [FIELD],
                "properties": {FIELD: files, **properties},
            }
        },
    }
    content |= {each: {"schema": {"type": "string", "format": "binary"}} for each in IMAGE_TYPES}
    return {
        "requestBody": {"required": True, "content": content},
        "parameters": [
            {
                "name": name,
                "in": "query",
                "required": False,
                "description": f"{schema['description']} Not for JSON, where it is a field.",
                "schema": {key: value for key, value in schema.items() if key != "description"},
            }
            for name, schema in properties.items()
        ],
    }
