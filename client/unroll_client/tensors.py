"""Arrays of NumPy as tensors of the Open Inference Protocol, binary and JSON. Asks nobody.

NumPy is imported when an array is made, not before.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from unroll_client.errors import NotUnroll, WrongArgument

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[Any]

_DATATYPES: Final = {
    "BOOL": "bool",
    **{f"INT{bits}": f"int{bits}" for bits in (8, 16, 32, 64)},
    **{f"UINT{bits}": f"uint{bits}" for bits in (8, 16, 32, 64)},
    **{f"FP{bits}": f"float{bits}" for bits in (16, 32, 64)},
}
_NAMES: Final = {name: datatype for datatype, name in _DATATYPES.items()}
LENGTH: Final = "Inference-Header-Content-Length"


def request(inputs: Mapping[str, Any], outputs: Sequence[str] | None) -> tuple[bytes, int]:
    """(body, bytes of its JSON) that asks for binary outputs.

    Raises:
        WrongArgument: an array's type is none of the protocol.
    """
    tensors, buffers = [], []
    for name, value in inputs.items():
        array, datatype = _typed(name, value)
        buffer = _buffer(array, datatype)
        parameters = {"binary_data_size": len(buffer)}
        tensors.append(
            {
                **{"name": name, "datatype": datatype, "shape": list(array.shape)},
                "parameters": parameters,
            }
        )
        buffers.append(buffer)
    body: dict[str, Any] = {"inputs": tensors, "parameters": {"binary_data_output": True}}
    if outputs is not None:
        body["outputs"] = [{"name": name} for name in outputs]
    head = json.dumps(body, separators=(",", ":")).encode()
    return b"".join([head, *buffers]), len(head)


def answer(content: bytes, length: str | None) -> dict[str, Array]:
    """The outputs by name, in the order of the answer.

    Raises:
        NotUnroll: the answer has another shape.
    """
    size = int(length) if length is not None else len(content)
    try:
        head, rest = json.loads(content[:size]), memoryview(content)[size:]
        found: dict[str, Array] = {}
        for tensor in head["outputs"]:
            taken = tensor.get("parameters", {}).get("binary_data_size")
            if taken is None:
                found[tensor["name"]] = of_json(tensor)
            else:
                found[tensor["name"]] = _array(tensor, rest[:taken])
                rest = rest[taken:]
    except (ValueError, KeyError, TypeError) as error:
        raise NotUnroll(f"the answer has no tensors: {error}") from None
    return found


def in_json(name: str, value: Any) -> dict[str, Any]:
    """An array as a tensor whose elements stand in the JSON.

    Raises:
        WrongArgument: its type is none of the protocol.
    """
    array, datatype = _typed(name, value)
    return {
        **{"name": name, "datatype": datatype, "shape": list(array.shape)},
        "data": array.ravel().tolist(),  # (elements), row-major
    }


def of_json(tensor: Mapping[str, Any]) -> Array:
    """The array of such a tensor."""
    import numpy as np

    kind = _DATATYPES.get(tensor["datatype"], "object")
    return np.array(tensor["data"], dtype=kind).reshape(tensor["shape"])


def rows(inputs: Mapping[str, Any], first: int, count: int) -> dict[str, Array]:
    """Rows `first` to `first + count` of every input, along its first axis."""
    return {name: _numpy(value)[first : first + count] for name, value in inputs.items()}


def height(inputs: Mapping[str, Any]) -> int:
    """Rows that all inputs have. Raises WrongArgument: they differ."""
    heights = {name: len(_numpy(value)) for name, value in inputs.items()}
    if len(set(heights.values())) != 1:
        raise WrongArgument(f"rows: the inputs have different numbers of rows: {heights}")
    return next(iter(heights.values()))


def joined(parts: Sequence[Mapping[str, Array]]) -> dict[str, Array]:
    """Outputs of several requests, one below the other."""
    import numpy as np

    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _numpy(value: Any) -> Array:
    import numpy as np

    return np.asarray(value)


def _typed(name: str, value: Any) -> tuple[Array, str]:
    array = _numpy(value)
    if array.dtype.kind in "OUS":
        return array.astype(object), "BYTES"
    datatype = _NAMES.get(array.dtype.name)
    if datatype is None:
        raise WrongArgument(
            f"{name}: arrays of {array.dtype} cannot be sent; there are {', '.join(_NAMES)}"
        )
    return array, datatype


def _buffer(array: Array, datatype: str) -> bytes:
    if datatype != "BYTES":
        return array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
    elements = [each if isinstance(each, bytes) else str(each).encode() for each in array.flat]
    return b"".join(struct.pack("<I", len(each)) + each for each in elements)


def _array(tensor: Mapping[str, Any], buffer: memoryview) -> Array:
    import numpy as np

    if tensor["datatype"] != "BYTES":
        kind: np.dtype[Any] = np.dtype(_DATATYPES[tensor["datatype"]]).newbyteorder("<")
        return np.frombuffer(buffer, kind).reshape(tensor["shape"]).astype(kind.newbyteorder("="))
    texts, at = [], 0
    while at < len(buffer):
        (size,) = struct.unpack_from("<I", buffer, at)
        texts.append(bytes(buffer[at + 4 : at + 4 + size]).decode())
        at += 4 + size
    return np.array(texts, dtype=object).reshape(tensor["shape"])
