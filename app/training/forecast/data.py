"""Reads the public series collections and one's own series; knows files and ids, not networks.

The split of a public collection has two axes and both are fixed by the id of a series alone:

* whole series: `unseen` (about 10 %) is never trained on;
* the end of every series: the last `horizon` points are never trained on. On the
  `select` half they choose the epoch and calibrate, on the `report` half (and on
  `unseen`) they are only ever reported.

Series of one's own (the collection `csv`) may be few, so all of them are trained on and all are
reported: their last horizon is only reported, the one before it chooses the epoch (see `split`).
"""

import csv
import gzip
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from app.training.forecast.own import own_files, read_own
from app.training.forecast.tables.covariates import Beside, Cells
from app.training.forecast.tables.options import TableOptions
from app.training.forecast.tables.series import Table

Part = Literal["unseen", "select", "report"]
OWN = "csv"  # the collection of one's own series
PARTS: tuple[Part, ...] = ("unseen", "select", "report")
_FREQUENCIES = {"yearly": "YS", "quarterly": "QS", "monthly": "MS", "other": None}


@dataclass(frozen=True)
class Series:
    """One series: `values` (time,) float64 with NaN where missing, oldest first.

    first: when the first value was, in ISO 8601, where that is known; beside: its covariates.
    """

    dataset: str
    id: str
    values: NDArray[np.float64]
    frequency: str | None
    season_length: int
    horizon: int
    first: str | None = None
    beside: Beside = field(default_factory=Beside)

    @property
    def part(self) -> Part:
        if self.dataset == OWN:
            return "report"
        digest = hashlib.sha256(f"{self.dataset}/{self.id}".encode()).digest()[0]
        return "unseen" if digest < 26 else "select" if digest < 141 else "report"

    def known(self) -> NDArray[np.float64]:
        """All but the last horizon: what training and a backtest may look at."""
        return self.values[: -self.horizon]

    def future(self) -> NDArray[np.float64]:
        """The last horizon: what a backtest is scored on."""
        return self.values[-self.horizon :]

    def covariates(self) -> tuple[dict[str, Cells], dict[str, Cells]]:
        """By name the cells beside `known()` and those beside `future()`, where a missing cell is
        as the one before it."""
        count = len(self.known())
        past = {name: cells[:count] for name, cells in self.beside.past.items()}
        ahead: dict[str, Cells] = {}
        for name, cells in self.beside.past.items():
            last = next((cell for cell in reversed(past[name]) if cell is not None), None)
            filled = [last := last if cell is None else cell for cell in cells[count:]]
            if None not in filled:
                ahead[name] = filled
        return past, ahead


def read_series(
    root: Path,
    only: tuple[str, ...] = (),
    *,
    own: TableOptions | None = None,
    tell: Callable[[Table], None] | None = None,
) -> list[Series]:
    """Every series below `root`: the public collections, and `csv`, the files in it itself.

    `root` may be one file of one's own. `only` names collections; all that are found are read
    when it is empty. `own` says how one's own files are read, and `tell` is given what was read.

    Raises:
        FileNotFoundError: no known collection stands in `root`, or a named one is absent.
        TableRefused: a file of one's own cannot be read for certain.
        ValueError: `only` names an unknown collection.
    """
    unknown = set(only) - set(COLLECTIONS)
    if unknown:
        raise ValueError(f"unknown collection {sorted(unknown)}; known: {sorted(COLLECTIONS)}")
    found: list[Series] = []
    present = collections_in(root)
    for name in only or present:
        if name not in present:
            raise FileNotFoundError(f"collection {name!r} needs {_where(root, name)}")
        if name == OWN:
            found += _own(root, own, tell)
        else:
            relative, reader = COLLECTIONS[name]
            found += reader(name, root / relative)
    if not found:
        listed = ", ".join(relative for relative, _ in COLLECTIONS.values() if relative != ".")
        there = "" if root.exists() else " (it does not exist)"
        raise FileNotFoundError(
            f"no series in {root}{there}: expected *.csv or *.parquet files, or {listed}"
        )
    return found


def collections_in(root: Path) -> list[str]:
    """The collections that stand in `root`."""
    return [
        name
        for name, (relative, _) in COLLECTIONS.items()
        if (bool(own_files(root)) if name == OWN else (root / relative).exists())
    ]


def _where(root: Path, name: str) -> str:
    return f"*.csv files in {root}" if name == OWN else str(root / COLLECTIONS[name][0])


def sha256_of(root: Path, names: set[str]) -> dict[str, str]:
    """File name -> sha256 of every file behind the collections `names`."""
    digests: dict[str, str] = {}
    for name in sorted(names):
        relative, _ = COLLECTIONS[name]
        path = root / relative
        if name == OWN:
            files = own_files(root)
        else:
            files = sorted(path.glob("*.gz")) if path.is_dir() else [path]
        for file in files:
            digests[file.name] = hashlib.sha256(file.read_bytes()).hexdigest()
    return digests


def _arrays(path: Path) -> dict[str, NDArray[Any]]:
    with np.load(path) as z:
        return {key: z[key] for key in z.files}


def _competition(name: str, path: Path) -> Iterator[Series]:
    """M1, M3, tourism: a period and a horizon per series; M1 also ships its test part."""
    z = _arrays(path)
    offsets, train = z["train_offsets"], z["train"]
    if "test" in z:
        horizons = np.diff(z["test_offsets"])
        tests = np.split(z["test"], z["test_offsets"][1:-1])
    else:
        horizons, tests = z["horizons"], None
    for i, key in enumerate(z["ids"]):
        values = train[offsets[i] : offsets[i + 1]]
        if tests is not None:
            values = np.concatenate([values, tests[i]])
        frequency = _FREQUENCIES[str(z["period"][i])]
        season = int(z["season"][i])
        yield Series(name, str(key), values, frequency, season, int(horizons[i]))


def _m4(frequency: str) -> Callable[[str, Path], Iterator[Series]]:
    def read(name: str, path: Path) -> Iterator[Series]:
        z = _arrays(path)
        offsets, season, horizon = z["train_offsets"], int(z["season"]), int(z["horizon"])
        for i, key in enumerate(z["ids"]):
            values = z["train"][offsets[i] : offsets[i + 1]]
            yield Series(name, str(key), values, frequency, season, horizon)

    return read


def _columns(path: Path, *, header: bool = True) -> dict[str, list[str]]:
    with gzip.open(path, "rt", newline="") as file:
        rows = list(csv.reader(file))
    names = rows.pop(0) if header else [str(i) for i in range(len(rows[0]))]
    return {name: [row[i] for row in rows] for i, name in enumerate(names)}


def _numbers(cells: list[str]) -> NDArray[np.float64]:
    return np.array([float(c) if c not in ("", "NA") else np.nan for c in cells])


def _nn5(name: str, path: Path) -> Iterator[Series]:
    for key, cells in _columns(path).items():
        if key != "date":
            yield Series(name, key, _numbers(cells), "D", 7, 56)


def _ett(name: str, path: Path) -> Iterator[Series]:
    for file in sorted(path.glob("ETT*.csv.gz")):
        for key, cells in _columns(file).items():
            if key != "date":
                yield Series(name, f"{file.name[:5]}-{key}", _numbers(cells), "h", 24, 48)


def _own(
    root: Path, options: TableOptions | None, tell: Callable[[Table], None] | None
) -> Iterator[Series]:
    for one in read_own(root, options, tell=tell):
        table = one.table
        yield Series(
            OWN,
            one.id,
            table.values,
            table.frequency,
            one.season_length,
            one.horizon,
            table.first,
            table.beside,
        )


def _classic(name: str, path: Path) -> Iterator[Series]:
    """The small classic and modern series; see the traps in the folder's README."""

    def single(file: str, column: str, frequency: str, season: int, horizon: int) -> Series:
        values = _numbers(_columns(path / f"{file}.csv.gz")[column])
        return Series(name, f"{file}-{column}", values, frequency, season, horizon)

    yield single("airline-passengers", "Passengers", "MS", 12, 18)
    yield single("shampoo", "Sales", "MS", 12, 6)
    yield single("monthly-sunspots", "Sunspots", "MS", 12, 18)
    yield single("daily-min-temperatures", "Temp", "D", 7, 14)
    yield single("daily-max-temperatures", "Temperature", "D", 7, 14)
    for column in ("pm2.5", "DEWP", "TEMP", "PRES"):
        yield single("pollution", column, "h", 24, 48)
    rides = _columns(path / "cta-ridership-daily.csv.gz")
    # MM/DD/YYYY; 62 rows are exact repeats, and the file is not in date order
    days = sorted({(d[6:], d[:5]): i for i, d in enumerate(rides["service_date"])}.items())
    for column in ("bus", "rail_boardings"):
        values = _numbers([rides[column][i] for _, i in days])
        yield Series(name, f"cta-{column}", values, "D", 7, 14)
    rates = _columns(path / "exchange-rate.csv.gz", header=False)
    for key, cells in rates.items():
        yield Series(name, f"exchange-rate-{key}", _numbers(cells), "B", 5, 14)


COLLECTIONS: dict[str, tuple[str, Callable[[str, Path], Iterator[Series]]]] = {
    "m1": ("m1/m1.npz", _competition),
    "m3": ("m3/m3.npz", _competition),
    "tourism": ("tourism/tourism.npz", _competition),
    "m4_hourly": ("m4/hourly.npz", _m4("h")),
    "m4_weekly": ("m4/weekly.npz", _m4("W")),
    "nn5": ("nn5/nn5_daily.csv.gz", _nn5),
    "ett": ("ett", _ett),
    "classic": ("series", _classic),
    OWN: (".", lambda _, path: _own(path, None, None)),
}
