"""What a forecast request means: a series in, the distribution of its next steps out.

Knows features and the graph's tensors; knows no HTTP and no torch.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import NormalDist
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from app.errors import InferenceFailed, InvalidInput
from app.features.calendar import timestamps
from app.features.cycles import choose_cycles
from app.features.padding import pad
from app.features.quantiles import extrapolate, interpolate, stretch
from app.features.rare import Rare, rare
from app.features.series import prepare, restore
from app.features.trends import decoder_inputs
from app.serving.models.manifest import Manifest
from app.serving.runtime.session import Session
from app.tasks.forecast.checks import channels_in, check_request
from app.tasks.forecast.covariates.learned import Encoded, LearnedCovariates
from app.tasks.forecast.distribution import Bounds, nodes
from app.tasks.forecast.example import ForecastExample, ForecastPrediction
from app.tasks.forecast.features import ForecastFeatures
from app.tasks.forecast.notes import (
    note_on_trend,
    notes_on_horizon,
    notes_on_points,
    notes_on_season,
)
from app.telemetry import metrics

Array = NDArray[np.float64]
DEFAULT_QUANTILES = (0.1, 0.5, 0.9)
_NORMAL = NormalDist()
_MEDIAN = np.zeros(1)  # as a normal deviate
_INTERVAL = np.array(
    [_NORMAL.inv_cdf(0.1), _NORMAL.inv_cdf(0.9)]
)  # of the interval whose width is a metric


class ForecastTask:
    """Serves any forecaster with the inputs context, lengths, future and the output quantiles.

    One that has learned categories also takes context_codes and future_codes; one that has learned
    channels together answers the quantiles of all, side by side.
    """

    def __init__(
        self, features: ForecastFeatures, session: Session, name: tuple[str, str] = ("", "")
    ) -> None:
        """`name` is the model's name and version, for the metrics; ("", "") for no metrics."""
        self._widths = metrics.INTERVAL_WIDTH.labels(*name) if any(name) else None
        self._features = features
        self._session = session
        self._options = features.series_options()
        self.learned = None if features.covariates is None else LearnedCovariates(features)
        self._probits = np.array([_NORMAL.inv_cdf(p) for p in features.levels])
        self._nodes = nodes(features.levels)
        self._fine_nodes = nodes(features.levels, fine=True)

    @classmethod
    def load(cls, folder: Path, manifest: Manifest, open_session: Callable[[str], Session]) -> Self:
        features = ForecastFeatures.model_validate(manifest.features)
        return cls(features, open_session("model.onnx"), (manifest.name, manifest.version))

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the series that are forecast together; none if each is by itself."""
        return self._features.channels

    @property
    def memory(self) -> int:
        """How many of the newest points of a series are looked at."""
        return self._options.memory

    def still_answered(self, golden: dict[str, JsonValue]) -> dict[str, JsonValue]:
        """Versions published before answers had a median: their mean was a geometric one for
        positive series, notes were fewer, and what repeats had intervals without a width."""
        if "median" in golden:
            return golden
        changed = {"mean", "notes"}
        paths = golden.get("quantiles")
        if isinstance(paths, dict) and len({str(path) for path in paths.values()}) == 1:
            changed.add("quantiles")
        return {key: golden[key] for key in golden if key not in changed}

    def encode(
        self,
        series: Sequence[Any] | Array,
        horizon: int,
        quantiles: Sequence[float] = DEFAULT_QUANTILES,
        frequency: str | None = None,
        season_length: int | None = None,
        start: str | None = None,
        minimum: float | None = None,
        maximum: float | None = None,
        integer: bool = False,
        past_covariates: Mapping[str, Sequence[Any]] | None = None,
        future_covariates: Mapping[str, Sequence[Any]] | None = None,
        multivariate: bool = False,
    ) -> ForecastExample:
        """Encode one series (oldest first, None or NaN for missing) and the options.

        Covariates are for a network that has learned some; see `covariates.build` for others. For
        one that has learned channels together `series` is a list of them, and `multivariate` true.

        Raises:
            InvalidInput: too short, all missing, a bad quantile, horizon, frequency, start or
                bounds; covariates or channels that are not what was learned.
        """
        bounds = Bounds.of(minimum, maximum, integer)
        channels = channels_in(series, self.channels, multivariate)
        points = len(channels[0])
        # a series may have 100,000 points: convert only the tail that is used
        tails = [np.array(one[-self.memory :], dtype=np.float64) for one in channels]
        for place, values in enumerate(tails):
            field = f"series[{place}]" if self.channels else "series"
            check_request(points, values, horizon, quantiles, season_length, field)
        first = min(int(np.flatnonzero(~np.isnan(values))[0]) for values in tails)
        trimmed = [values[first:] for values in tails]
        season = season_length
        if self.learned is not None:
            frequency = frequency or self.learned.frequency
            season = season or (None if frequency else self.learned.season_length)
        cycles = choose_cycles(trimmed[0], frequency, season)
        if self.learned is None:
            window = prepare(trimmed[0], cycles, self._options)
            steps = decoder_inputs(window, horizon, self._features.trained_horizon, self._options)
            encoded = Encoded((window,), window.context, steps)
        else:
            past, ahead = past_covariates or {}, future_covariates or {}
            encoded = self.learned.encode(
                trimmed, points, horizon, past, ahead, start, frequency, cycles
            )
        stamps = moved = None
        if start is not None:
            if frequency is None:
                raise InvalidInput(
                    "start needs a frequency to count from", field="frequency", allowed="e.g. MS"
                )
            stamps, moved = timestamps(start, frequency, points, horizon)
        cycles = encoded.windows[0].cycles
        looked_for = cycles.short if cycles.short > 1 else cycles.long
        facts: dict[str, Any] = {
            "context": encoded.context.astype(np.float32),
            "future": encoded.future.astype(np.float32),
            "codes": encoded.codes,
            "quantiles": tuple(quantiles),
            "bounds": bounds,
            "timestamps": stamps,
            "season_length": cycles.long if season_length == cycles.long else looked_for,
        }
        examples = []
        for window, values, known in zip(encoded.windows, tails, trimmed, strict=True):
            seldom = rare(known, cycles) if self._features.rare else None
            notes = [*encoded.notes, *([] if moved is None else [moved])]
            notes += notes_on_points(values, points - len(values), bounds, seldom is not None)
            notes += notes_on_season(season_length, window)
            notes += notes_on_horizon(horizon, self._features.trained_horizon)
            missing = int(np.isnan(values).sum())
            examples.append(
                ForecastExample(
                    window=window, imputed=missing, notes=tuple(notes), rare=seldom, **facts
                )
            )
        return replace(examples[0], others=tuple(examples[1:]))

    def predict(self, examples: Sequence[ForecastExample]) -> list[ForecastPrediction]:
        """All examples in one padded batch; each answer depends only on its own series."""
        context, lengths = pad([e.context for e in examples])  # (batch, time, features)
        steps, _ = pad([e.future for e in examples])  # (batch, horizon, features)
        feeds = {"context": context, "lengths": lengths, "future": steps}
        codes = [e.codes for e in examples if e.codes is not None]
        if codes:  # of all examples, or of none
            feeds["context_codes"], _ = pad([past for past, _ in codes])
            feeds["future_codes"], _ = pad([ahead for _, ahead in codes])
        levels = self._session.run(feeds)["quantiles"]  # (batch, horizon, levels)
        if not np.isfinite(levels).all():
            raise InferenceFailed("the network's answer is not finite")
        return [
            self._decoded(example, row[: example.horizon].astype(np.float64))
            for example, row in zip(examples, levels, strict=True)
        ]

    def _decoded(self, example: ForecastExample, scaled: Array) -> ForecastPrediction:
        """scaled (horizon, channels * levels)."""
        if not example.others:
            return self._decode(example, scaled)
        parts = np.split(scaled, 1 + len(example.others), axis=1)
        first, *others = map(self._decode, (example, *example.others), parts)
        return replace(first, others=tuple(others))

    def _decode(self, example: ForecastExample, scaled: Array) -> ForecastPrediction:
        """scaled (horizon, levels) on the network's scale -> values of the series."""
        if example.rare is not None:
            return _seldom(example, example.rare)
        window = example.window
        middle = self._features.levels.index(0.5)
        table = self._features.calibration
        factors = table.get(window.cycles.kind or "", table.get(""))
        if factors is not None:
            scaled = stretch(scaled, factors, middle)
        unit = window.unit(len(scaled))
        scaled = extrapolate(scaled, self._features.trained_horizon, middle, unit)
        if self._widths is not None:
            interval = interpolate(scaled, self._probits, _INTERVAL)  # (horizon, 2)
            self._widths.observe(float(np.diff(interval, axis=1).mean()))
        if window.exact:  # what repeats itself goes on: its median is no matter of learning
            scaled = scaled - scaled[:, middle : middle + 1]
        bounds = example.bounds
        grid = self._fine_nodes if bounds.integer else self._nodes
        wanted = np.array([_NORMAL.inv_cdf(p) for p in example.quantiles])
        order = np.argsort(wanted, kind="stable")
        deviates = np.concatenate([wanted[order], _MEDIAN, grid.deviates])
        values = bounds.apply(restore(window, interpolate(scaled, self._probits, deviates)))
        paths, median, of_nodes = np.split(values, [len(order), len(order) + 1], axis=1)
        paths = np.maximum.accumulate(paths, axis=1)  # (horizon, wanted): no crossing by rounding
        by_level = {example.quantiles[j]: paths[:, i] for i, j in enumerate(order)}
        trended = self._options.normalise and not window.bent
        trend = note_on_trend(window, scaled[:, middle]) if trended else None
        return ForecastPrediction(
            mean=(of_nodes @ grid.weights).tolist(),  # (horizon,)
            median=median[:, 0].tolist(),
            quantiles={repr(float(p)): by_level[p].tolist() for p in example.quantiles},
            timestamps=example.timestamps,
            season_length=example.season_length,
            imputed=example.imputed,
            notes=[*example.notes, *([] if trend is None else [trend])],
        )


def _seldom(example: ForecastExample, rare: Rare) -> ForecastPrediction:
    """The answer where demand is rare: of values that can be, zero among them."""
    bounds, horizon = example.bounds, example.horizon
    possible = replace(rare, values=bounds.apply(rare.values))
    levels = np.array([*example.quantiles, 0.5])
    paths = possible.quantiles(levels, horizon).T  # (levels, horizon)
    return ForecastPrediction(
        mean=possible.mean(horizon).tolist(),
        median=paths[-1].tolist(),
        quantiles={
            repr(float(p)): path.tolist()
            for p, path in zip(example.quantiles, paths[:-1], strict=True)
        },
        timestamps=example.timestamps,
        season_length=example.season_length,
        imputed=example.imputed,
        notes=list(example.notes),
    )
