"""Covariates of a request as columns of numbers. Knows names and values; no regression."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from app.errors import InvalidInput
from app.features.seasonal import impute

Array = NDArray[np.float64]
Kind = Literal["number", "text"]

MOST: Final = 50  # covariates of one series
MOST_CATEGORIES: Final = 50
MOST_CHARACTERS: Final = 64
_LARGE: Final = 1e100
_VALUES: Final = "numbers, or true and false, or texts; null only in the past"


@dataclass(frozen=True)
class Covariate:
    """values (time + horizon, columns): one column, or one for each category but the first.

    known: whether the last `horizon` rows are known; NaN where not.
    """

    name: str
    values: Array
    known: bool


def covariates_of(
    past: Mapping[str, Sequence[Any]],
    future: Mapping[str, Sequence[Any]],
    points: int,
    horizon: int,
) -> list[Covariate]:
    """The covariates of a series of `points` values, in the order of `past`.

    Raises:
        InvalidInput: a name, a length or a value that will not do.
    """
    check_names(past, future)
    return [
        _covariate(name, values, future.get(name), points, horizon) for name, values in past.items()
    ]


def check_names(past: Mapping[str, Any], future: Mapping[str, Any]) -> None:
    """Raise InvalidInput for too many covariates, and for one that has a future and no past."""
    if len(past) > MOST:
        raise InvalidInput(
            f"{len(past)} covariates are too many",
            field="past_covariates",
            allowed=f"at most {MOST}",
        )
    for name in future:
        if name not in past:
            raise InvalidInput(
                "its past is not there",
                field=f"future_covariates.{name[:MOST_CHARACTERS]}",
                allowed=f"names of past_covariates: {', '.join(past)[:200] or 'none'}",
            )


def kind_of(name: str, past: Any, future: Any, points: int, horizon: int) -> Kind:
    """What the values of a covariate are; `future` is None where it is not known.

    Raises:
        InvalidInput: a name, a length or a value that will not do.
    """
    if not name or len(name) > MOST_CHARACTERS:
        raise InvalidInput(
            "a name has to be short",
            field="past_covariates",
            allowed=f"names of 1 to {MOST_CHARACTERS} characters",
        )
    parts = {"past_covariates": (past, points), "future_covariates": (future, horizon)}
    kinds: set[Kind] = set()
    for part, (values, length) in parts.items():
        if values is None:
            continue
        field = f"{part}.{name}"
        if not isinstance(values, list | np.ndarray):
            raise InvalidInput("expected a list", field=field, allowed=_VALUES)
        if len(values) != length:
            what = "the series has" if part == "past_covariates" else "the horizon is"
            raise InvalidInput(
                f"{len(values)} values, and {what} {length}",
                field=field,
                allowed=f"{length} values, one for each step",
            )
        if isinstance(values, list):
            kinds |= _kinds(values, field, part == "past_covariates")
        elif np.isfinite(values).any():  # another series, which was checked
            kinds.add("number")
    if len(kinds) != 1:
        what = "texts and numbers are mixed" if kinds else "every value is missing"
        raise InvalidInput(what, field=f"past_covariates.{name}", allowed=_VALUES)
    return kinds.pop()


def _covariate(name: str, past: Any, future: Any, points: int, horizon: int) -> Covariate:
    kind = kind_of(name, past, future, points, horizon)
    both = [*past, *(future or [])]
    columns = _numbers(both) if kind == "number" else _categories(both, name)
    if future is None:
        columns = np.concatenate([columns, np.full((horizon, columns.shape[1]), np.nan)])
    return Covariate(name, columns, future is not None)


def _kinds(values: list[Any], field: str, may_miss: bool) -> set[Kind]:
    if set(map(type, values)) <= {float, int, bool}:  # nearly always, and far quicker than a loop
        try:
            if np.isfinite(np.array(values, dtype=np.float64)).all():
                return {"number"}
        except OverflowError:
            pass
    found: set[Kind] = set()
    for index, value in enumerate(values):
        if isinstance(value, bool | int | float):
            try:
                good = math.isfinite(value)
            except OverflowError:
                good = False
            found.add("number")
        elif isinstance(value, str):
            good = len(value) <= MOST_CHARACTERS
            found.add("text")
        else:
            good = value is None and may_miss
        if not good:
            allowed = f"{_VALUES}; texts of at most {MOST_CHARACTERS} characters"
            raise InvalidInput(
                "no value of a covariate", field=f"{field}[{index}]", allowed=allowed
            )
    return found


def _numbers(values: list[Any]) -> Array:
    numbers = np.array(values, dtype=np.float64)
    if np.isnan(numbers).any():
        numbers = impute(numbers, 1)
    largest = float(np.abs(numbers).max())
    if largest > _LARGE:  # squares must not overflow; a regression does not see the unit
        numbers = numbers / largest
    return numbers[:, None]  # (time, 1)


def _categories(values: list[Any], name: str) -> Array:
    kinds = sorted({value for value in values if value is not None})
    if len(kinds) > MOST_CATEGORIES:
        raise InvalidInput(
            f"{len(kinds)} different texts are too many",
            field=f"past_covariates.{name}",
            allowed=f"at most {MOST_CATEGORIES} categories",
        )
    index = {kind: number for number, kind in enumerate(kinds)}
    where = np.array([index.get(value, 0) for value in values])
    return np.eye(len(kinds))[where][:, 1:] if len(kinds) > 1 else np.zeros((len(values), 1))
