"""A block of steps at once from what was known before it. Knows arrays; no network and no names.

For each of the next steps a line of its own, on the same columns: the last days of the series,
hour by hour, the covariates of the block and of the days before, and the day of the week. Lago,
Marcjasz, De Schutter and Weron (2021), "Forecasting day-ahead electricity prices: A review of
state-of-the-art algorithms", Applied Energy 293; their LEAR has these columns, another penalty.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.features.regression import Line, Ridge

Array = NDArray[np.float64]

STRENGTHS = (0.001, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
# Days back of the series, whether the same day of last week, whether covariates of the day before.
_WIDTHS = (
    (3, True, True),
    (2, True, True),
    (1, True, True),
    (1, False, True),
    (1, False, False),
)
_MOST_COLUMNS = 400
_MOST_ROWS = 1500
_LEAST_ROWS = 30
_HELD_OUT = 60  # rows that judge the strength, at most


@dataclass(frozen=True)
class Layout:
    """What a row looks at. Offsets are steps from the first step of its block.

    series: offsets of the series, all negative. covariates: one array of offsets for each column
    of covariates. calendar: whether columns of the calendar follow.
    """

    season: int
    block: int
    series: NDArray[np.int64]
    covariates: tuple[NDArray[np.int64], ...]

    @property
    def reach(self) -> int:
        """Values before a block that its row needs."""
        return -int(min(int(each.min()) for each in (self.series, *self.covariates)))


def layout_of(
    points: int, horizon: int, short: int, long: int, known: Sequence[bool], others: int
) -> Layout | None:
    """The widest layout that a series of `points` has rows for; None if there is none.

    known: for each column of covariates whether its future is. others: columns of the calendar.
    """
    season = max(short, 1)
    block = max(horizon, season)
    week = long if season < long <= 8 * season else 0
    back = np.arange(-season, 0)
    for days, far, before in _WIDTHS:
        lags = [back - day * season for day in range(days)] if season > 1 else [np.arange(-6, 0)]
        if far and week:
            lags.append(np.arange(-week, -week + season))
        columns = []
        for future in known:
            ahead = [np.arange(horizon)] if future else []
            behind = [back] if (before and season > 1) or not future else []
            columns.append(np.concatenate([*ahead, *behind, *(lags[-1:] if far and week else [])]))
        layout = Layout(season, block, np.unique(np.concatenate(lags)), tuple(columns))
        count = len(layout.series) + sum(map(len, columns)) + others
        rows = (points - layout.reach - block) // season
        if count <= min(_MOST_COLUMNS, rows) and rows >= _LEAST_ROWS:
            return layout
    return None


@dataclass(frozen=True)
class Blocks:
    """Rows of a series, and lines fitted to them.

    origins: first steps of the blocks, in phase with the end; the last one is the future's.
    fitted (rows, block): what the lines say of every block; of the last `held_out` known ones and
    of the future they have seen nothing. columns (rows, columns); line: that of the future.
    """

    layout: Layout
    origins: NDArray[np.int64]
    fitted: Array
    held_out: int
    columns: Array
    line: Line
    error: float

    def path(self, points: int, horizon: int) -> tuple[Array, Array]:
        """(points,), NaN where there is no row: what was fitted; (horizon,): what comes."""
        past = np.full(points, np.nan)
        season = self.layout.season
        for origin, block in zip(self.origins[:-1], self.fitted[:-1], strict=True):
            past[origin : origin + season] = block[:season]
        return past, self.fitted[-1, :horizon]


def fit_blocks(
    series: Array, covariates: Array, calendar: Array, layout: Layout, horizon: int
) -> Blocks:
    """series (time,) on the scale of the fit; covariates and calendar (time + horizon, columns)."""
    season, block, points = layout.season, layout.block, len(series)
    count = min((points - layout.reach) // season, _MOST_ROWS)
    origins = points - season * np.arange(count, -1, -1)
    columns = np.concatenate(
        [
            series[origins[:, None] + layout.series],
            *(covariates[origins[:, None] + at, i] for i, at in enumerate(layout.covariates)),
            calendar[origins],
        ],
        axis=1,
    )  # (rows, columns)
    whole = origins + block <= points
    usable = int(whole.sum())
    targets = series[origins[:usable, None] + np.arange(block)]  # (usable, block)
    held_out = min(_HELD_OUT, usable // 4)
    # no target of the rows that are learned from may lie in a block that judges
    early = usable - held_out - (block - 1) // season
    ridge = Ridge.of(columns[:early], targets[:early])
    lines = [ridge.line(strength) for strength in STRENGTHS]
    held = slice(usable - held_out, usable)
    errors = [
        float(np.abs(line(columns[held]) - targets[held])[:, :horizon].mean()) for line in lines
    ]
    best = int(np.argmin(errors))
    fitted = lines[best](columns)
    final = Ridge.of(columns[:usable], targets).line(STRENGTHS[best])
    fitted[-1] = final(columns[-1:])[0]
    return Blocks(layout, origins, fitted, held_out, columns, final, errors[best])
