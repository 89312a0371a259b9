"""What answers hold: dictionaries as the JSON of the service, with types. Knows names only.

Every answer about one input also has `model` and `version`: who gave it. Fields that a newer
service adds are there, too, without a type. docs/api.md tells what each field means.
"""

from __future__ import annotations

from typing import Any, TypedDict


class By(TypedDict):
    """Which model gave the answer."""

    model: str
    version: str


class ImputedPast(TypedDict):
    """A series with its missing values filled in; `quantiles` are null where nothing is known."""

    values: list[float]
    quantiles: dict[str, list[float | None]]


class _ForecastParts(By, total=False):
    past: ImputedPast
    timestamps: list[str]
    covariates: dict[str, Any]


class Forecast(_ForecastParts):
    """Of one series; `quantiles` has a list of `horizon` numbers a level, such as "0.9".

    `past` is there with `return_imputed`, `covariates` with some.
    """

    mean: list[float]
    median: list[float]
    quantiles: dict[str, list[float]]
    season_length: int
    imputed: int
    notes: list[str]


class _AnomalyParts(TypedDict, total=False):
    timestamp: str


class Anomaly(_AnomalyParts):
    """One value that is out of the ordinary."""

    index: int
    value: float
    expected: float
    score: float


class Anomalies(By):
    """Of one series: a score a value, and the values that are anomalies."""

    scores: list[float]
    anomalies: list[Anomaly]
    threshold: float
    season_length: int
    warm_up: int


class TokenContribution(TypedDict):
    """What one token adds to the label's logit."""

    token: str
    start: int
    end: int
    contribution: float


class Explanation(TypedDict):
    """How a label was made up."""

    method: str
    label: str
    bias: float
    tokens: list[TokenContribution]


class _SentimentParts(By, total=False):
    understood: float
    abstained: bool
    explanation: Explanation


class Sentiment(_SentimentParts):
    """Of one text. `explanation` is there if it was asked for."""

    label: str
    score: float
    probabilities: dict[str, float]
    truncated: bool
    tokens: int
    unknown_tokens: int


class Label(Sentiment, total=False):
    """Of one text, by a classifier. `labels` is there if a text may have several."""

    labels: list[str]


class Evidence(TypedDict):
    """What one chunk of a text says by itself."""

    start: int
    end: int
    probabilities: dict[str, float]


class _AuthorshipParts(By, total=False):
    understood: float
    evidence: list[Evidence]


class Authorship(_AuthorshipParts):
    """Of one text. `evidence` is there if it was asked for."""

    author: str
    score: float
    probabilities: dict[str, float]
    chunks: int
    characters: int
    truncated: bool
    abstained: bool


class Candidate(TypedDict):
    """One of the best captions or translations."""

    text: str
    score: float
    probability: float
    truncated: bool


class _CaptionParts(By, total=False):
    confidence: float
    abstained: bool
    attention: dict[str, Any]


class Caption(_CaptionParts):
    """Of one image. `attention` is there if it was asked for, `confidence` and `abstained` of
    models that can tell."""

    text: str
    score: float
    candidates: list[Candidate]


class _TranslationParts(By, total=False):
    attention: list[dict[str, Any]]


class Translation(_TranslationParts):
    """Of one text. `attention` is there if it was asked for."""

    text: str
    score: float
    candidates: list[Candidate]


class _SampleParts(By, total=False):
    prompt: list[dict[str, Any]]
    characters: list[dict[str, Any]]


class Sample(_SampleParts):
    """A text that goes on from the prompt. The same request with this `seed` gives it again."""

    text: str
    finish: str
    seed: int


class Model(TypedDict):
    """A model that is served."""

    name: str
    version: str
    task: str
    description: str
    cell: str
    parameters: int
    created: str
    license: str
    streams: bool


class _StreamParts(TypedDict, total=False):
    on_new_version: str
    ttl_seconds: float
    created: str
    expires: str


class StreamState(_StreamParts):
    """Where a stream is; `position` is how many steps it has taken."""

    stream: str
    model: str
    version: str
    position: int


class _StepsParts(TypedDict, total=False):
    steps: list[dict[str, Any]]
    sample: Sample
    outputs: list[dict[str, Any]]
    forecast: dict[str, Any] | None
    moved: dict[str, Any]


class Steps(_StepsParts):
    """The answer to steps of a stream: `steps` of values, `outputs` of tensors, or a `sample`."""

    stream: str
    model: str
    version: str
    position: int
    replayed: bool


class _WindowParts(TypedDict, total=False):
    timestamps: list[str]


class Window(_WindowParts):
    """One forecast of what is known already: the first `origin` values were known."""

    origin: int
    mean: list[float]
    median: list[float]
    quantiles: dict[str, list[float]]
    actual: list[float | None]
    notes: list[str]
    scores: dict[str, dict[str, float | None]]


class Backtest(By):
    """Of one series: forecasts from several origins beside the truth; scores by method."""

    windows: list[Window]
    season_length: int
    scores: dict[str, dict[str, float | None]]
    notes: list[str]
