"""What is asked: texts and rows of fixed, seeded lengths. Knows no service.

Lengths are those of sentences: lognormal, the median 26 steps, the longest 256.
"""

import json
import math
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

MEDIAN: Final = 26
SIGMA: Final = 0.8
LONGEST: Final = 256
LABELS: Final = ("negative", "neutral", "positive")
WORDS: Final = 1998  # in the vocabulary, besides padding and unknown


def lengths(count: int, seed: int = 5) -> NDArray[np.int64]:
    """Steps of each of `count` inputs, 1 to LONGEST. (count)"""
    rng = np.random.default_rng(seed)
    drawn = rng.lognormal(math.log(MEDIAN), SIGMA, count)
    return np.clip(np.rint(drawn), 1, LONGEST).astype(np.int64)


def rows(count: int, seed: int = 5) -> list[list[int]]:
    """Token ids of each input, as long as `lengths` says; neither padding nor unknown."""
    rng = np.random.default_rng(seed + 1)
    return [rng.integers(2, WORDS + 2, size).tolist() for size in lengths(count, seed)]


def word(token_id: int) -> str:
    """The word that is the token of this id."""
    return f"w{token_id}"


def texts(count: int, seed: int = 5) -> list[str]:
    """The same inputs as texts: a word is a token."""
    return [" ".join(map(word, row)) for row in rows(count, seed)]


def arrivals(rate: float, seconds: float, requests: int, seed: int = 5) -> list[tuple[int, int]]:
    """Poisson arrivals at `rate` a second: (microseconds from the start, which request)."""
    rng = np.random.default_rng(seed + 2)
    gaps = rng.exponential(1e6 / rate, int(rate * seconds * 1.2) + 100)
    times = np.cumsum(gaps)
    times = times[times < seconds * 1e6]
    which = rng.integers(0, requests, len(times))
    return [(int(time), int(index)) for time, index in zip(times, which, strict=True)]


def post(path: str, body: Any, headers: Sequence[tuple[str, str]] = ()) -> bytes:
    """A whole HTTP/1.1 request."""
    content = json.dumps(body).encode()
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: 127.0.0.1",
        "Content-Type: application/json",
        f"Content-Length: {len(content)}",
        *(f"{name}: {value}" for name, value in headers),
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


def write_requests(file: Path, requests: Sequence[bytes]) -> Path:
    """Keep requests in the form that the client reads."""
    parts = [struct.pack("<I", len(each)) + each for each in requests]
    file.write_bytes(b"".join(parts))
    return file
