"""A state as one file that leaves the service and comes back unchanged. Knows bytes and a key.

The file is in safetensors' format: the state's tensors, one row each, and as its metadata whose
state it is. `mac` among the metadata is an HMAC-SHA256 of all the rest, by a key of the service: a
state that somebody has changed, or that another service has sealed, is not taken.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from pydantic_core import from_json
from safetensors import SafetensorError
from safetensors.numpy import load, save

from app.errors import InvalidInput

Array = npt.NDArray[Any]
MEDIA_TYPE: Final = "application/octet-stream"
_FORMAT: Final = "unroll-stream-1"
_LENGTH_BYTES: Final = 8  # of the header's length, at the beginning of the file
MAX_HEADER_BYTES: Final = 256 * 1024  # a tensor takes a hundred
_ALLOWED: Final = "what GET /streams/{stream}/state has answered, byte by byte"


@dataclass(frozen=True, slots=True)
class SealedFacts:
    """Whose state it is. digest: of the graph's file. position: steps that it has taken."""

    model: str
    version: str
    digest: str
    position: int
    policy: str
    ttl: float


def seal(facts: SealedFacts, tensors: Mapping[str, Array], key: bytes) -> bytes:
    """The file."""
    metadata = {"format": _FORMAT} | {name: str(value) for name, value in asdict(facts).items()}
    arrays = {name: np.ascontiguousarray(array) for name, array in tensors.items()}
    metadata["mac"] = _mac(metadata, arrays, key)
    return bytes(save(arrays, metadata))


def unseal(content: bytes, key: bytes) -> tuple[SealedFacts, dict[str, Array]]:
    """What was sealed with the same key.

    Raises:
        InvalidInput: it is no such file, or not as it was.
    """
    try:
        metadata, arrays = _metadata(content), load(content)
    except (SafetensorError, ValueError, KeyError) as error:
        raise _wrong(f"the body is no sealed state: {error}") from None
    mac = metadata.pop("mac", "")
    if metadata.get("format") != _FORMAT:
        raise _wrong(f"the body is no sealed state: its format is {metadata.get('format')!r:.60}")
    if not hmac.compare_digest(mac.encode(), _mac(metadata, arrays, key).encode()):
        raise _wrong("the seal does not fit: it was changed, or another service has sealed it")
    return (
        SealedFacts(
            metadata["model"],
            metadata["version"],
            metadata["digest"],
            int(metadata["position"]),
            metadata["policy"],
            float(metadata["ttl"]),
        ),
        arrays,
    )


def _metadata(content: bytes) -> dict[str, str]:
    """safetensors reads it from a file only."""
    end = _LENGTH_BYTES + int.from_bytes(content[:_LENGTH_BYTES], "little")
    if len(content) < _LENGTH_BYTES or end > len(content):
        raise ValueError("it is too short")
    if end > MAX_HEADER_BYTES:
        raise ValueError(f"its header has more than {MAX_HEADER_BYTES} bytes")
    header = from_json(content[_LENGTH_BYTES:end])
    found = header.get("__metadata__") if isinstance(header, dict) else None
    if not isinstance(found, dict) or not all(isinstance(each, str) for each in found.values()):
        raise ValueError("its metadata is not text")
    return found


def _mac(metadata: Mapping[str, str], arrays: Mapping[str, Array], key: bytes) -> str:
    """Of the metadata and of every tensor, each part with its length."""
    found = hmac.new(key, digestmod=hashlib.sha256)
    shapes = {name: [str(each.dtype), list(each.shape)] for name, each in arrays.items()}
    parts = [json.dumps([dict(metadata), shapes], sort_keys=True).encode()]
    parts += [arrays[name].tobytes() for name in sorted(arrays)]
    for part in parts:
        found.update(len(part).to_bytes(8, "little") + part)
    return found.hexdigest()


def _wrong(message: str) -> InvalidInput:
    return InvalidInput(message, field="the body", allowed=_ALLOWED)
