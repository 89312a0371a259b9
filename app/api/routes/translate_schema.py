"""What /docs says of POST /translate: its answer and its examples. Knows no language."""

from typing import Any, Final

from pydantic import BaseModel, Field


class TranslationCandidate(BaseModel):
    """One way to translate a text."""

    text: str = Field(description="The translation.")
    score: float = Field(
        description="What candidates are ordered by: for each sentence the sum of its tokens' "
        "log-probabilities, divided by their number to the power of `length_penalty`."
    )
    probability: float = Field(
        description="How sure the network is, 0 to 1: the geometric mean of the tokens' "
        "probabilities, the ends of sentences being among them."
    )
    truncated: bool = Field(description="Whether a sentence was cut at `max_length`.")


class TranslatedWord(BaseModel):
    """Where the network looked when it wrote one word."""

    word: str
    weights: list[float] = Field(
        description="One for each token of `source`; they sum up to 1. The mean over the tokens of "
        "a word."
    )


class TranslationAttention(BaseModel):
    """Where the network looked, word by word of one sentence."""

    source: list[str] = Field(
        description="The tokens of the source; the first one asks for the language, the last one "
        "is the end."
    )
    words: list[TranslatedWord] = Field(description="In the order of the translation.")


class Translation(BaseModel):
    """What one text says in another language."""

    text: str = Field(description="The best translation.")
    score: float = Field(description="Its score.")
    candidates: list[TranslationCandidate] = Field(
        description="The `num_translations` best, this one first; fewer if no more were found."
    )
    attention: list[TranslationAttention] | None = Field(
        None, description="Only with `attention`: of the best translation, a part a sentence."
    )


class TranslateAnswer(BaseModel):
    """One translation per text, in the order of the request."""

    model: str
    version: str
    translations: list[Translation]


EXAMPLES: Final[dict[str, Any]] = {
    "one": {
        "summary": "A text",
        "value": {"text": "A man is riding a bicycle.", "target": "de"},
    },
    "many": {
        "summary": "Two texts, three translations each",
        "value": {
            "text": ["Two dogs play.", "A child sleeps."],
            "target": "fr",
            "num_translations": 3,
        },
    },
}
