"""Channels that a model has learned together. Knows requests and the task; no path."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

from app.errors import InvalidInput
from app.serving.models.loader import LoadedModel
from app.tasks.forecast.example import ForecastPrediction
from app.tasks.forecast.task import ForecastTask


class Channel(Protocol):
    """A channel of a request: its values, when it starts, what is known besides; `window` tells
    which of the request's questions it belongs to."""

    @property
    def series(self) -> Any: ...
    @property
    def start(self) -> str | None: ...
    @property
    def past(self) -> Mapping[str, Any]: ...
    @property
    def future(self) -> Mapping[str, Any]: ...
    @property
    def window(self) -> int: ...


def forecasts_together(model: LoadedModel) -> bool:
    """Whether the model has learned channels, which it forecasts together."""
    return isinstance(model.task, ForecastTask) and bool(model.task.channels)


def encode_together(
    model: LoadedModel, asked: Sequence[Channel], options: Mapping[str, Any]
) -> list[Callable[[], Any]]:
    """For each window of `asked` a step that encodes its channels; options: further keywords.

    Steps raise InvalidInput, as does this for channels that do not begin at once or have covariates
    of their own.
    """
    first = asked[0]
    for channel in asked:
        if channel.window != first.window:
            continue
        if channel.start != first.start:
            raise InvalidInput(
                "channels begin at the same time", field="start", allowed="one text for all"
            )
        for field, own, shared in (
            ("past_covariates", channel.past, first.past),
            ("future_covariates", channel.future, first.future),
        ):
            if own is not shared and own != shared:
                raise InvalidInput(
                    "channels share their covariates", field=field, allowed="one object for all"
                )
    return [
        partial(
            model.task.encode,
            **options,
            series=[each.series for each in channels],
            start=channels[0].start,
            past_covariates=channels[0].past,
            future_covariates=channels[0].future,
        )
        for channels in _by_window(asked).values()
    ]


def apart(
    asked: Sequence[Channel], predictions: Sequence[ForecastPrediction]
) -> list[ForecastPrediction]:
    """The forecast of each of `asked`, in order, out of those of its windows."""
    windows = zip(_by_window(asked), predictions, strict=True)
    left = {window: iter(prediction.channels()) for window, prediction in windows}
    return [next(left[each.window]) for each in asked]


def _by_window(asked: Sequence[Channel]) -> dict[int, list[Channel]]:
    found: dict[int, list[Channel]] = {}
    for each in asked:
        found.setdefault(each.window, []).append(each)
    return found
