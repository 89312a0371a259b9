"""Which series teach and which ends choose the epoch. Knows ids and lengths, not networks."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from app.training.forecast.data import OWN, Series

_LEAST_KNOWN = 4  # points that must stand before an end that chooses
BY_ID = (
    "by sha256 of 'collection/id': 10 % of the series unseen; of all others the last "
    "horizon is held out, 45 % for early stopping and calibration, 45 % only reported"
)
BY_TIME = (
    "by time: of every series the last horizon is held out and only reported, and the horizon "
    "before it is for early stopping and calibration"
)


@dataclass(frozen=True)
class Split:
    """Series whose known part is learned, and series whose future chooses; `how` in words."""

    train: list[Series]
    select: list[Series]
    how: str


def split(series: Sequence[Series]) -> Split:
    """Public collections by the ids of their series; one's own, and collections of few, by time."""
    train: list[Series] = []
    select: list[Series] = []
    ways: list[str] = []
    for name in dict.fromkeys(one.dataset for one in series):
        members = [one for one in series if one.dataset == name]
        chosen = [one for one in members if one.part == "select"]
        if name != OWN and chosen:
            train += [one for one in members if one.part != "unseen"]
            select += chosen
            ways.append(BY_ID)
            continue
        ways.append(BY_TIME)
        for one in members:
            if one.part == "unseen":
                continue
            shorter = without_last_horizon(one)
            train.append(shorter or one)
            select += [shorter] if shorter else []
    return Split(train, select, "; ".join(_told(ways)))


def _told(ways: Sequence[str]) -> Iterator[str]:
    several = len(set(ways)) > 1
    for way in dict.fromkeys(ways):
        kind = "one's own series " if way == BY_TIME else "public collections "
        yield kind + way if several else way


def without_last_horizon(one: Series) -> Series | None:
    """The series as it was one horizon ago; None where too little is left to be forecast."""
    shorter = replace(one, values=one.values[: -one.horizon])
    before, after = shorter.known(), shorter.future()
    enough = int(np.isfinite(before).sum()) >= _LEAST_KNOWN and bool(np.isfinite(after).any())
    return shorter if enough else None
