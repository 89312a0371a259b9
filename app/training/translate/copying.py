"""Puts made-up names and numbers into sentence pairs, so that copying is learned. Knows words only.

A word that stands alike on both sides is a name or a number. In its place comes one that the
network cannot know, so that all it can do is copy it, piece by piece or byte by byte.
"""

import re
from typing import Final

import numpy as np

from app.training.translate.data import Pair

_NAME: Final = re.compile(r"\b(?:[A-Z][^\W\d_]+|\d+)\b")
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"
_RARE: Final = (
    "\u0159\u0142\u0161\u0111\u011f\u0131\u0151\u0105\u03b1\u03b2\u03b3\u03bb\u03c0\u0430\u0431"
    "\u0432\u0434\u0436\u043a\u043b\u4e2d\u6587\u65e5\u672c\u6f22\u5b57\u05d0\u05d1\u0639\u0631"
)
_RARE_SHARE: Final = 0.2


def with_new_names(pair: Pair, draw: np.random.Generator) -> Pair:
    """The pair with each word that stands alike in both replaced by a made-up one of its kind."""
    source, target = pair
    for word in sorted(set(_NAME.findall(source)) & set(_NAME.findall(target))):
        new = _number(draw) if word.isdigit() else _name(draw)
        pattern = rf"\b{re.escape(word)}\b"
        source, target = re.sub(pattern, new, source), re.sub(pattern, new, target)
    return source, target


def has_names(pair: Pair) -> bool:
    """Whether `with_new_names` changes the pair."""
    return bool(set(_NAME.findall(pair[0])) & set(_NAME.findall(pair[1])))


def _name(draw: np.random.Generator) -> str:
    length = int(draw.integers(3, 10))
    if draw.random() < _RARE_SHARE:
        return "".join(_RARE[place] for place in draw.integers(0, len(_RARE), length // 2 + 1))
    letters = "".join(_LETTERS[place] for place in draw.integers(0, len(_LETTERS), length))
    return letters.capitalize()


def _number(draw: np.random.Generator) -> str:
    return str(int(draw.integers(0, 10 ** int(draw.integers(1, 6)))))
