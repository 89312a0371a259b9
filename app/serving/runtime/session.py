"""One network in ONNX Runtime. Knows tensors by name; not what they mean, nor who calls."""

import ctypes
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
import onnxruntime as ort
from onnxruntime.capi.onnxruntime_pybind11_state import Fail, InvalidArgument, RuntimeException

from app.errors import ModelRefused
from app.serving.runtime import arena
from app.telemetry import tracing

Array: TypeAlias = npt.NDArray[Any]

# What a run raises comes as an exception; the runtime's own line about it would be a second log.
_FATAL_ONLY: Final = 4
_CPU: Final = "CPUExecutionProvider"
_CUDA: Final = "CUDAExecutionProvider"
_OUTSIDE: Final = re.compile("[Ee]xternal (data|tensor)")  # in what ONNX Runtime says of such
_BFLOAT16: Final = "tensor(bfloat16)"
_ONNX_BFLOAT16: Final = 16
_CODE: Final = re.compile(r"^\d+ : [A-Z_]+ : ")
_OF_THE_SOURCE: Final = re.compile(r"\S*/\S+:\d+ .*?\) ")  # a file, a line, a C++ function


class Refused(Exception):
    """The graph cannot be computed on the values it was given; the text says why."""


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """Name, element type such as `tensor(float)`, and shape; a str or None dimension is free."""

    name: str
    type: str
    shape: tuple[int | str | None, ...]


class Session:
    """A graph that is ready to run.

    Any thread may run it, several at once. Parallelism comes from that, and not from threads
    inside: a recurrence has little to share out, and batches then never wait for each other.
    """

    def __init__(
        self,
        model: Path | bytes,
        providers: Sequence[str] = (_CPU,),
        intra_op_threads: int = 1,
    ) -> None:
        """Load a graph from a file or from its bytes.

        Of `providers`, those that this installation has are used, in the order given. Raises
        ModelRefused if it has none of them, if none of them starts (a CUDA build without a
        driver), or if the graph cannot be loaded.
        """
        options = ort.SessionOptions()
        options.intra_op_num_threads = intra_op_threads
        options.inter_op_num_threads = 1
        options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
        options.log_severity_level = _FATAL_ONLY
        # It keeps a plan for every shape that ever came, and batches come in all of them.
        options.enable_mem_pattern = False
        # A spinning thread burns the core that another worker, or another container, could use.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.add_session_config_entry("session.inter_op.allow_spinning", "0")

        source = model if isinstance(model, bytes) else str(model)
        usable = _usable(providers)
        if usable[0] == _CPU:
            arena.share(options)
        else:
            options.enable_cpu_mem_arena = False  # little is computed there
        if _CUDA in usable:
            _find_cuda()
        try:
            self._session = ort.InferenceSession(source, options, providers=usable)
        except Exception as error:  # ONNX Runtime's own errors share no base class
            if _OUTSIDE.search(str(error)):
                raise ModelRefused(
                    "the graph keeps weights in another file; `unroll import` puts them into it"
                ) from error
            raise ModelRefused(f"the graph cannot be loaded: {_first_line(error)}") from error
        # Kept for a change of providers, which never comes; it is as large as the weights.
        self._session._model_bytes = None
        self.inputs: tuple[TensorSpec, ...] = _specs(self._session.get_inputs())
        self.outputs: tuple[TensorSpec, ...] = _specs(self._session.get_outputs())
        self.provider: str = self._session.get_providers()[0]
        if self.provider not in usable:  # the runtime falls back to the CPU and only logs it
            raise ModelRefused(f"{usable[0]} does not start here, and {self.provider} is not asked")
        self._output_names = [spec.name for spec in self.outputs]
        self._has_bfloat16 = any(spec.type == _BFLOAT16 for spec in (*self.inputs, *self.outputs))

    def run(
        self, feeds: Mapping[str, Array], outputs: Sequence[str] | None = None
    ) -> dict[str, Array]:
        """Compute `outputs` (default: all of them) from `feeds`, both by name.

        BF16 tensors go in and come out as their bits, uint16. Raises Refused for wrong names,
        element types, shapes, or values that an operator cannot take, and otherwise whatever ONNX
        Runtime raises.
        """
        names = self._output_names if outputs is None else outputs
        try:
            with tracing.run():
                if self._has_bfloat16:
                    return self._run_bfloat16(feeds, names)
                values = self._session.run(names, feeds)
        except (InvalidArgument, Fail, RuntimeException, ValueError) as error:
            if "alloc" in str(error):  # short of memory: not a matter of the values
                raise
            raise Refused(_reason(error)) from error
        return {name: np.asarray(value) for name, value in zip(names, values, strict=True)}

    def _run_bfloat16(self, feeds: Mapping[str, Array], names: Sequence[str]) -> dict[str, Array]:
        """The same for a graph with BF16, which NumPy has no type for. On the CPU only."""
        types = {spec.name: spec.type for spec in self.inputs}
        values = self._session.run_with_ort_values(
            names,
            {
                name: ort.OrtValue.ortvalue_from_numpy_with_onnx_type(
                    np.ascontiguousarray(array), _ONNX_BFLOAT16
                )
                if types.get(name) == _BFLOAT16
                else ort.OrtValue.ortvalue_from_numpy(array)
                for name, array in feeds.items()
            },
        )
        return {name: _array(value) for name, value in zip(names, values, strict=True)}


def _array(value: Any) -> Array:
    if value.data_type() != _BFLOAT16:
        return np.asarray(value.numpy())
    shape = value.shape()
    bits = np.empty(shape, np.uint16)
    ctypes.memmove(bits.ctypes.data, value.data_ptr(), bits.nbytes)
    return bits


def _reason(error: Exception) -> str:
    """What ONNX Runtime says, without where in its sources it says so."""
    text = str(error).rpartition("Status Message: ")[2].rpartition("[ONNXRuntimeError] : ")[2]
    return _first_line(_CODE.sub("", text))


def _usable(providers: Sequence[str]) -> list[str]:
    available = ort.get_available_providers()
    usable = [provider for provider in providers if provider in available]
    if not usable:
        raise ModelRefused(
            f"no execution provider of {', '.join(providers)} is installed; "
            f"there are {', '.join(available)}"
        )
    return usable


@cache
def _find_cuda() -> None:
    """Load CUDA and cuDNN from their wheels, where the dynamic linker does not look by itself."""
    ort.preload_dlls()


def _specs(nodes: Sequence[Any]) -> tuple[TensorSpec, ...]:
    return tuple(TensorSpec(node.name, node.type, tuple(node.shape)) for node in nodes)


def _first_line(error: Exception | str) -> str:
    return (_OF_THE_SOURCE.sub("", str(error)).splitlines() or [type(error).__name__])[0][:300]
