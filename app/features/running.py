"""What is known of one series after each value, in constant work a value. Knows no network.

A `Running` holds levels, scale, slope, how well simple guesses foretold of late, and the values of
the seasons before in a ring of bounded size. After each value it gives one row for the network, and
for each step ahead the guesses that the network weighs. Nothing here looks ahead: rows do not
depend on how the values were cut into requests.

Levels and seasons are smoothed as in Holt and Winters (Hyndman et al. 2008, Forecasting with
Exponential Smoothing, section 2.3). Rows and guesses do not change when a series is multiplied, and
when it is shifted only in what they say of zero.
"""

import math
from array import array
from typing import Final

import numpy as np

from app.features.cycles import choose_cycles
from app.features.season_lengths import bounded, nearest

GUESSES: Final = 10  # of each step ahead
ROW: Final = 2 * GUESSES + 14  # numbers about the series after a value
AHEAD: Final = 2 * GUESSES + 3  # numbers about one step ahead
_SEARCHED: Final = 1024  # values in which a season that nobody told of is looked for
_LOOKS: Final = frozenset((48, 96, 192, 384, 768))  # values after which it is, and every 1024
_ERROR, _SCALE, _QUICK = 0.05, 0.01, 0.1  # smoothings, by what they smooth
_FAST, _SLOW, _SLOPE, _SHARE = 0.5, 0.1, 0.1, 0.02
_DAMPING: Final = 0.9  # of the slope, a step
_SEASON: Final = 0.25  # smoothing of a season from one to the next
_MOST: Final = 1e6  # units; what is further away is as far
_OUTLIER: Final = 20.0  # units that a move counts at most in the scale
_FAR: Final = 288  # values; a day of five minutes
_LITTLE: Final = 1e-4  # keeps a logarithm finite
_SCALARS: Final = (
    "position", "known", "last", "_fast", "_slow", "_slope", "_scale", "_quick", "_low", "_high",
    "_same", "_still", "_zeros", "_moves", "_missed", "_level",
)  # fmt: skip


class Running:
    """One series up to its last value.

    position: values so far, missing ones too; known: those that were not missing; last: the last
    value, or what stands for it where it is missing; unit: how far the series usually moves in a
    step, more than 0.
    """

    __slots__ = (
        *_SCALARS, "unit", "_errors", "_given", "_guesses", "_long", "_ring", "_season", "_short",
    )  # fmt: skip

    position: int
    known: int
    last: float
    unit: float
    _fast: float
    _slow: float
    _slope: float
    _scale: float
    _quick: float
    _low: float
    _high: float
    _same: float
    _still: float
    _zeros: float
    _moves: float
    _missed: float
    _level: float

    def __init__(self, frequency: str | None = None, season_length: int | None = None) -> None:
        """Before the first value. Raises InvalidInput for an unknown frequency."""
        self._given = frequency is not None or season_length is not None
        for name in _SCALARS:
            setattr(self, name, 0.0)
        self.position = self.known = 0
        self._errors = [0.0] * GUESSES
        self._guesses = [0.0] * GUESSES
        self._short = self._long = 1
        size = _SEARCHED
        if self._given:
            cycles = choose_cycles(np.zeros(1), frequency, season_length)
            self._short, self._long = bounded(cycles.short), bounded(cycles.long)
            size = max(self._short, self._long) + 1
        self._ring = array("d", bytes(8 * size))
        self._season = array("d", bytes(8 * self._short))
        self.unit = 1.0

    @property
    def season_length(self) -> int:
        """Steps of the season that is followed; 1 if there is none."""
        return self._short if self._short > 1 else self._long

    @property
    def before(self) -> float | None:
        """The value a season before the next one, or `_FAR` before it where there is no season."""
        size = self.season_length
        lag = size if size > 1 else _FAR
        count, ring = self.position, self._ring
        return ring[(count - lag) % len(ring)] if lag <= min(count, len(ring)) else None

    def take(self, value: float | None) -> list[float]:
        """Take the next value, None if it is missing; returns the `ROW` numbers after it.

        They are zeros until the first known value.
        """
        position = self.position
        if self.known == 0:
            if value is None:
                self.position = position + 1
                return [0.0] * ROW
            self._begin(value)
            told = [0.0] * GUESSES
        elif value is None:
            value = self._guesses[self._errors.index(min(self._errors))]
            self._missed += 1.0
            told = [0.0] * GUESSES
        else:
            told = self._learn(value)
        self._follow(value)
        self._ring[position % len(self._ring)] = value
        self.position = position = position + 1
        if not self._given and (position in _LOOKS or position % _SEARCHED == 0):
            self._look()
        self.unit = self._new_unit()
        self._guesses = self._guess(1)
        return told + self._told()

    def ahead(self, steps: int) -> list[float]:
        """`AHEAD` numbers for `steps` from now.

        The guesses in units from the last value, the same squashed, how far ahead, and which of
        two seasons are known.
        """
        last, unit = self.last, self.unit
        guesses = self._guesses if steps == 1 else self._guess(steps)
        found = [min(max((guess - last) / unit, -_MOST), _MOST) for guess in guesses]
        found += [0.5 * math.asinh(each) for each in found]
        found += (
            0.25 * math.log1p(steps),
            1.0 if 1 < self._short < self.position else 0.0,
            1.0 if 1 < self._long < self.position else 0.0,
        )
        return found

    def copy(self) -> "Running":
        """The same, which goes on by itself."""
        made = Running.__new__(Running)
        for name in self.__slots__:
            setattr(made, name, getattr(self, name))
        made._errors, made._ring, made._season = self._errors[:], self._ring[:], self._season[:]
        return made

    def pack(self) -> bytes:
        """All of it as bytes, of a fixed size for given seasons."""
        head = [float(self._given), float(self._short), float(self._long), float(len(self._ring))]
        head += [float(getattr(self, name)) for name in _SCALARS]
        head += (self.unit, *self._errors, *self._guesses)
        return array("d", head).tobytes() + self._season.tobytes() + self._ring.tobytes()

    @classmethod
    def unpack(cls, content: bytes) -> "Running":
        """What `pack` made. Raises ValueError for anything else."""
        head = 4 + len(_SCALARS) + 1 + 2 * GUESSES
        numbers = array("d")
        numbers.frombytes(content)
        if len(numbers) < head:
            raise ValueError(f"{len(content)} bytes are no running series")
        given, short, long, size = (int(each) for each in numbers[:4])
        if min(short, long, size) < 1 or head + short + size != len(numbers):
            raise ValueError(f"{len(content)} bytes are no running series")
        made = cls.__new__(cls)
        made._given, made._short, made._long = bool(given), short, long
        for name, number in zip(_SCALARS, numbers[4:], strict=False):
            setattr(made, name, number)
        made.position, made.known = int(made.position), int(made.known)
        at = 4 + len(_SCALARS)
        made.unit = numbers[at]
        made._errors = numbers[at + 1 : at + 1 + GUESSES].tolist()
        made._guesses = numbers[at + 1 + GUESSES : head].tolist()
        made._season, made._ring = numbers[head : head + short], numbers[head + short :]
        return made

    def _begin(self, value: float) -> None:
        self.known = 1
        self.last = self._fast = self._slow = self._low = self._high = self._level = value

    def _learn(self, value: float) -> list[float]:
        """Scale and errors after a known value; returns how far it was from each guess."""
        unit, errors = self.unit, self._errors
        share = max(_ERROR, 1.0 / self.known)
        most = _OUTLIER * unit
        told = []
        for i, guess in enumerate(self._guesses):
            error = value - guess
            errors[i] += share * (min(abs(error), most) - errors[i])
            told.append(0.5 * math.asinh(error / unit))
        move = abs(value - self.last)
        moves = self.known  # that were measured, this one too
        self.known = moves + 1
        self._missed = 0.0
        still = 1.0 if move == 0 else 0.0
        self._same = self._same + 1.0 if move == 0 else 0.0
        self._still += _SHARE * (still - self._still)
        self._zeros += _SHARE * ((1.0 if value == 0 else 0.0) - self._zeros)
        self._moves += 1.0 - still
        if self._moves > 10:  # one outlier must not hide what comes after it
            move = min(move, _OUTLIER * self._scale)
        self._scale += max(_SCALE, 1.0 / moves) * (move - self._scale)
        self._quick += max(_QUICK, 1.0 / moves) * (move - self._quick)
        self._low += (1.0 if value < self._low else 0.001) * (value - self._low)
        self._high += (1.0 if value > self._high else 0.001) * (value - self._high)
        return told

    def _follow(self, value: float) -> None:
        """Levels and season after `value`."""
        self._slope += _SLOPE * (value - self.last - self._slope)
        self._fast += _FAST * (value - self._fast)
        self._slow += _SLOW * (value - self._slow)
        short, position = self._short, self.position
        if short > 1:
            self._level += max(2.0 / (short + 1), 1.0 / (position + 1)) * (value - self._level)
            place, share = position % short, max(_SEASON, 1.0 / (position // short + 1))
            self._season[place] += share * (value - self._level - self._season[place])
        self.last = value

    def _new_unit(self) -> float:
        size = max(abs(self._low), abs(self._high))
        if self.known < 2:
            return 0.1 * size if size > 0 else 1.0
        return max(self._scale, 1e-6 * size, 1e-200)

    def _look(self) -> None:
        """Look for a season in the ring."""
        position, size = self.position, len(self._ring)
        ring = np.frombuffer(self._ring, np.float64)
        values = np.roll(ring, -(position % size)) if position >= size else ring[:position]
        cycles = choose_cycles(values, None, None)
        short, long = nearest(values, bounded(cycles.short)), bounded(cycles.long)
        if self._short > 1 and short % self._short == 0:
            short = self._short  # what was found before foretells as well
        self._long = long if long < len(values) else 1
        if short >= len(values) or short == self._short:
            return
        self._short = short
        before = values[-short:]
        season = np.zeros(short)
        if short > 1:
            season[np.arange(position - short, position) % short] = before - before.mean()
        self._season = array("d", season.tobytes())
        self._level = float(before.mean())

    def _guess(self, steps: int) -> list[float]:
        """`GUESSES` guesses for `steps` from the last value on."""
        count, last, ring = self.position, self.last, self._ring
        size = len(ring)
        reach = _DAMPING * (1.0 - _DAMPING**steps) / (1.0 - _DAMPING)
        short, long = self._short, self._long
        found = [last, self._fast, self._slow, last + reach * self._slope]
        if 1 < short < count:
            before = ring[(count - 1 + steps - short * -(-steps // short)) % size]
            then = self._season[(count - 1 + steps) % short]
            found += (
                before,
                last + before - ring[(count - 1 - short) % size],
                self._level + then,
                last + then - self._season[(count - 1) % short],
            )
        else:
            found += (last, last, last, last)
        if 1 < long < count:
            before = ring[(count - 1 + steps - long * -(-steps // long)) % size]
            found += (before, last + before - ring[(count - 1 - long) % size])
        else:
            found += (last, last)
        return found

    def _told(self) -> list[float]:
        """What the network is told beside the errors; everything in units, and squashed."""
        unit, asinh, log = self.unit, math.asinh, math.log
        count, last = self.position, self.last
        found = [0.25 * log(error / unit + _LITTLE) for error in self._errors]
        found += (
            1.0 if self._missed else 0.0,
            0.2 * math.log1p(self._missed),
            1.0 / math.sqrt(self.known + 1.0),
            0.2 * math.log1p(self._same),
            self._still,
            self._zeros,
            1.0 if 1 < self._short < count else 0.0,
            1.0 if 1 < self._long < count else 0.0,
            0.2 * math.log1p(self.season_length),
            0.25 * log(self._quick / unit + _LITTLE),
            0.25 * asinh((last - self._low) / unit),
            0.25 * asinh((self._high - last) / unit),
            0.25 * asinh(last / unit),
            0.5 * asinh(self._slope / unit),
        )
        return found
