"""A forecaster without a network, and a repository of it: API tests need no shipped model.

Knows the Task protocol only. What it answers can be computed in the head: the last value again,
and around it one unit per 0.1 of quantile.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, JsonValue

from app.errors import InvalidInput
from app.serving.models.loader import TaskTypes
from app.serving.models.manifest import Golden, Manifest, Network, digest, write_manifest
from app.serving.task import ExampleDefaults, OpenSession

_GOLDEN = (4.0, 5.0)  # the last values of the golden series
POISON = -666.0  # a series that ends in it makes `predict` raise


class NaiveFeatures(BaseModel):
    """How long the double pretends to work, in seconds."""

    load_seconds: float = 0.0
    predict_seconds: float = 0.0
    encode_seconds: float = 0.0


@dataclass(frozen=True)
class NaiveExample(ExampleDefaults):
    last: float
    horizon: int
    quantiles: tuple[float, ...]
    start: str | None
    imputed: int
    length: int


@dataclass(frozen=True)
class NaivePrediction:
    mean: list[float]
    quantiles: dict[str, list[float]]
    timestamps: list[str] | None
    imputed: int

    def to_json(self) -> dict[str, JsonValue]:
        answer: dict[str, JsonValue] = {
            "mean": list(self.mean),
            "median": list(self.mean),
            "quantiles": {level: list(path) for level, path in self.quantiles.items()},
            "season_length": 1,
            "imputed": self.imputed,
            "notes": [],
        }
        if self.timestamps is not None:
            answer["timestamps"] = list(self.timestamps)
        return answer


class NaiveTask:
    def __init__(self, predict_seconds: float, encode_seconds: float = 0.0) -> None:
        self._predict_seconds = predict_seconds
        self._encode_seconds = encode_seconds
        self.encoded = 0

    @classmethod
    def load(cls, folder: Path, manifest: Manifest, open_session: OpenSession) -> Self:
        features = NaiveFeatures.model_validate(manifest.features)
        time.sleep(features.load_seconds)
        return cls(features.predict_seconds, features.encode_seconds)

    def encode(
        self,
        series: Sequence[float | None],
        horizon: int,
        quantiles: Sequence[float] = (0.1, 0.5, 0.9),
        frequency: str | None = None,
        season_length: int | None = None,
        start: str | None = None,
        minimum: float | None = None,
        maximum: float | None = None,
        integer: bool = False,
    ) -> NaiveExample:
        time.sleep(self._encode_seconds)
        self.encoded += 1
        known = [value for value in series if value is not None and value == value]
        if not known:
            raise InvalidInput("every value is missing", field="series", allowed="one number")
        for index, level in enumerate(quantiles):
            if not 0 < level < 1:
                raise InvalidInput(
                    f"{level} is no quantile", field=f"quantiles[{index}]", allowed="0 to 1"
                )
        if start is not None and not start[:4].isdecimal():
            raise InvalidInput(f"{start!r} is no timestamp", field="start", allowed="2024-01-31")
        if frequency == "fortnight":
            raise InvalidInput("unknown frequency", field="frequency", allowed="h D W MS QS YS")
        return NaiveExample(
            last=known[-1],
            horizon=horizon,
            quantiles=tuple(quantiles),
            start=start,
            imputed=len(series) - len(known),
            length=len(series),
        )

    def predict(self, examples: Sequence[NaiveExample]) -> list[NaivePrediction]:
        # A version loads in no time, however slow it is: its golden examples are computed, too.
        golden = all(example.last in _GOLDEN for example in examples)
        time.sleep(min(self._predict_seconds, 0.02) if golden else self._predict_seconds)
        if any(example.last == POISON for example in examples):
            raise RuntimeError("a secret of the network")
        return [
            NaivePrediction(
                mean=[float(each.last)] * each.horizon,
                quantiles={
                    str(level): [each.last + 10 * (level - 0.5)] * each.horizon
                    for level in each.quantiles
                },
                timestamps=None if each.start is None else [each.start] * each.horizon,
                imputed=each.imputed,
            )
            for each in examples
        ]


TASKS: TaskTypes = {"forecast": NaiveTask, "other": NaiveTask}


def write_version(
    root: Path, name: str = "forecast", version: str = "1", task: str = "forecast", **features: Any
) -> Path:
    """Write a version that loads with TASKS; `features` are those of NaiveFeatures."""
    folder = root / name / version
    folder.mkdir(parents=True)
    (folder / "README.md").write_text("The last value again.\n", encoding="utf-8")
    requests: list[dict[str, JsonValue]] = [
        {"series": [1.0, 2.0, 4.0], "horizon": 2},
        {"series": [5.0, None], "horizon": 1, "quantiles": [0.25]},
    ]
    naive = NaiveTask(0.0)
    golden = tuple(
        Golden(request=request, answer=naive.predict([naive.encode(**request)])[0].to_json())  # type: ignore[arg-type]
        for request in requests
    )
    manifest = Manifest(
        name=name,
        version=version,
        task=task,
        created="2020-01-01T00:00:00Z",
        description="The last value again.",
        license="Apache-2.0",
        intended_use="Tests.",
        files={"README.md": digest(folder / "README.md")},
        network=Network(cell="none", num_layers=1, hidden_size=1, parameters=1234, opset=20),
        features=features,
        golden=golden,
    )
    write_manifest(folder, manifest)
    return folder
