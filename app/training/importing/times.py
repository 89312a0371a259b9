"""Which axes of several inputs may be one time, and which are times of their own. Knows names.

Two axes of one name are one. Two names are two times (a source and its translation), unless the
graph says otherwise when it is tried. Axes without a name may be both.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

_MADE_UP: Final = re.compile(r"_dynamic_axes_\d+$|^unk__\d+$|^s\d+$|^dim_?\d+$")
_LENGTHS: Final = re.compile(r"_?(seq(uence)?_?)?len(gth)?s?$", re.IGNORECASE)

Times = dict[str, int | None]


@dataclass(frozen=True)
class Axes:
    """What is known of the axes of one input.

    batch: of the rows. told: the time axis, if the user says so. free: other axes of any size with
    the names that the graph gives them, the likeliest time first. named: whether that one's name is
    one that times have. sure: whether batch and time are told apart by more than their order.
    """

    batch: int | None
    told: int | None
    free: tuple[tuple[int, str | None], ...]
    named: bool
    sure: bool


def ways_of_time(inputs: Mapping[str, Axes], lengths: str | None) -> list[Times]:
    """The time axis of each input, None where it has none; in several ways, the likeliest first."""
    first = {
        name: axes.free[0][1] for name, axes in inputs.items() if axes.told is None and axes.free
    }
    likely = sorted(first, key=lambda name: not inputs[name].named)
    keys: list[str | None] = list(
        dict.fromkeys(key for name in likely if (key := _own_name(first[name])) is not None)
    )
    if lengths is not None:
        of = {key: [name for name in likely if first[name] == key] for key in keys}
        keys.sort(key=lambda key: not _belongs(lengths, (key or "", *of[key])))
    unknown = {first[name] or f"\0{name}" for name in likely if _own_name(first[name]) is None}
    ways = []
    for key in keys or [None]:
        if lengths is None and len(unknown) + (key is not None) > 1:
            alone = [None] if key is not None else likely
            ways += [_times(inputs, key, only=name) for name in alone]
        ways.append(_times(inputs, key, only=""))
    if len(keys) > 1:
        ways.append(
            {
                name: axes.free[0][0] if axes.told is None and axes.free else axes.told
                for name, axes in inputs.items()
            }
        )
    return [way for index, way in enumerate(ways) if way not in ways[:index]]


def _times(inputs: Mapping[str, Axes], key: str | None, only: str | None) -> Times:
    """Axes called `key`, and unnamed ones: of every input if `only` is "", else those of this one.

    Axes with the name that an exporter has made up for that one count, too.
    """
    made_up = {raw for _, raw in inputs[only].free} - {None} if only else set()
    times: Times = {}
    for name, axes in inputs.items():
        times[name] = axes.told
        if axes.told is None:
            own = [axis for axis, raw in axes.free if key is not None and _own_name(raw) == key]
            other = [
                axis
                for axis, raw in axes.free
                if _own_name(raw) is None
                and (only == "" or only == name or (raw is not None and raw in made_up))
            ]
            times[name] = next(iter(own + other), None)
    return times


def _own_name(size: str | None) -> str | None:
    """The name of a free axis, unless it was made up by an exporter."""
    return size if size is not None and not _MADE_UP.search(size) else None


def _belongs(lengths: str, names: Iterable[str]) -> bool:
    """Whether the name of the lengths begins like one of these: src_lengths and src."""
    start = _LENGTHS.sub("", lengths.lower())
    return bool(start) and any(name.lower().startswith(start) for name in names)
