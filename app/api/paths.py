"""Whose a path is, and which is meant where there is none. Knows paths as texts; no route."""

import re
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from functools import lru_cache
from typing import Final

PROTOCOL: Final = "/v2"  # below it errors have the body that the Open Inference Protocol asks for
# But for these, which are another API's: see `dialects`.
_NOT_PROTOCOL: Final = frozenset(
    (
        *("/v2/forecast", "/v2/cross_validation"),
        *("/v2/anomaly_detection", "/v2/online_anomaly_detection"),
    )
)
_NEAR: Final = 0.75  # of 1, the same
_MOST: Final = 3
_MOST_CHARACTERS: Final = 200


def is_protocol(path: str) -> bool:
    """Whether a path is the Open Inference Protocol's."""
    return (path + "/").startswith(PROTOCOL + "/") and path not in _NOT_PROTOCOL


def remembered(pattern: re.Pattern[str], count: int) -> Callable[[str], bool]:
    """What tells whether a path fits `pattern`, and remembers the last `count` that are short.

    A path may have as many bytes as the head of a request.
    """

    def fits(path: str) -> bool:
        return pattern.fullmatch(path) is not None

    known = lru_cache(maxsize=count)(fits)
    return lambda path: known(path) if len(path) <= _MOST_CHARACTERS else fits(path)


def near_paths(path: str, known: Iterable[str]) -> list[str]:
    """Those of `known`, which may have {parameters}, that may be meant, the likeliest first."""
    if len(path) > _MOST_CHARACTERS:
        return []
    plain = "/" + "/".join(part for part in path.lower().split("/") if part)
    if plain == "/":
        return []
    paths, depth = sorted(known, key=len), plain.count("/")
    found = [plain for each in paths if _fits(plain, each)][:1]
    found += [each for each in paths if each == plain.removeprefix("/v2") != plain]
    found += [each for each in paths if _fits(plain, "/".join(each.split("/")[: depth + 1]))]
    found += get_close_matches(plain, paths, n=1, cutoff=_NEAR)
    return [each for each in dict.fromkeys(found) if each != path][:_MOST]


def _fits(path: str, template: str) -> bool:
    pattern = "[^/]+".join(map(re.escape, re.split(r"\{[^}]*\}", template)))
    return re.fullmatch(pattern, path) is not None
