"""One network in ONNX Runtime. Knows tensors by name; not what they mean."""

import ctypes
import os
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

# Errors of a run are raised; ONNX Runtime would also write them to its own log.
_FATAL_ONLY: Final = 4
_CPU: Final = "CPUExecutionProvider"
_CUDA: Final = "CUDAExecutionProvider"
# In ONNX Runtime's message about a graph whose weights lie in another file.
_EXTERNAL_DATA: Final = re.compile("[Ee]xternal (data|tensor)")
_BFLOAT16: Final = "tensor(bfloat16)"
_ONNX_BFLOAT16: Final = 16
_ERROR_CODE: Final = re.compile(r"^\d+ : [A-Z_]+ : ")
_SOURCE_LINE: Final = re.compile(r"\S*/\S+:\d+ .*?\) ")  # a file, a line, a C++ function

_MEMORY_FILE: Final = re.compile(r"Load model from /proc/self/fd/\d+ failed: ?")


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

    Several threads may run it at the same time. Parallelism comes from that, and not from threads
    inside a run: the steps of a recurrence depend on each other, so there is little to divide.
    """

    def __init__(
        self,
        model: Path | bytes,
        providers: Sequence[str] = (_CPU,),
        intra_op_threads: int = 1,
    ) -> None:
        """Load a graph from a file or from its bytes.

        Of `providers`, those that this installation has are used, in the order given.

        Raises:
            ModelRefused: no provider is installed, none of them starts (a CUDA build without a
                driver), or the graph cannot be loaded.
        """
        options = ort.SessionOptions()
        options.intra_op_num_threads = intra_op_threads
        options.inter_op_num_threads = 1
        options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
        options.log_severity_level = _FATAL_ONLY
        # It would keep a memory plan for every shape ever seen, and batches come in all shapes.
        options.enable_mem_pattern = False
        # A spinning thread takes a core from another worker or another container.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.add_session_config_entry("session.inter_op.allow_spinning", "0")

        usable = _usable(providers)
        if usable[0] == _CPU:
            arena.share(options)
        else:
            options.enable_cpu_mem_arena = False  # little is computed on the CPU
        if _CUDA in usable:
            _find_cuda()
        try:
            self._session = _opened(model, options, usable)
        except Exception as error:  # ONNX Runtime's own errors share no base class
            if _EXTERNAL_DATA.search(str(error)):
                raise ModelRefused(
                    "the graph keeps weights in another file; `unroll import` puts them into it"
                ) from error
            raise ModelRefused(f"the graph cannot be loaded: {_first_line(error)}") from error
        self.inputs: tuple[TensorSpec, ...] = _specs(self._session.get_inputs())
        self.outputs: tuple[TensorSpec, ...] = _specs(self._session.get_outputs())
        self.provider: str = self._session.get_providers()[0]
        if self.provider not in usable:  # ONNX Runtime falls back to the CPU and only logs it
            raise ModelRefused(f"{usable[0]} does not start here, and {self.provider} is not asked")
        self._output_names = [spec.name for spec in self.outputs]
        self._has_bfloat16 = any(spec.type == _BFLOAT16 for spec in (*self.inputs, *self.outputs))

    def run(
        self, feeds: Mapping[str, Array], outputs: Sequence[str] | None = None
    ) -> dict[str, Array]:
        """Compute `outputs` (default: all of them) from `feeds`, both by name.

        BF16 tensors are passed as their bits, uint16.

        Raises:
            Refused: a name, element type, shape or value that the graph cannot take.
            Exception: ONNX Runtime's own, for everything else.
        """
        names = self._output_names if outputs is None else outputs
        try:
            with tracing.run():
                if self._has_bfloat16:
                    return self._run_bfloat16(feeds, names)
                values = self._session.run(names, feeds)
        except (InvalidArgument, Fail, RuntimeException, ValueError) as error:
            if "alloc" in str(error):  # out of memory: the values are not to blame
                raise
            raise Refused(_reason(error)) from error
        return {name: np.asarray(value) for name, value in zip(names, values, strict=True)}

    def _run_bfloat16(self, feeds: Mapping[str, Array], names: Sequence[str]) -> dict[str, Array]:
        """As `run`, for a graph with BF16 tensors, a type that NumPy lacks. On the CPU only."""
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


def _opened(
    model: Path | bytes, options: ort.SessionOptions, providers: Sequence[str]
) -> ort.InferenceSession:
    """ONNX Runtime keeps bytes that it is given, as many as the weights have, but no file.

    On Linux bytes are therefore passed as a file in memory. It has no folder, so weights in
    another file are refused as they are for bytes.
    """
    if not isinstance(model, bytes):
        return ort.InferenceSession(str(model), options, providers=providers)
    if not hasattr(os, "memfd_create"):
        return ort.InferenceSession(model, options, providers=providers)
    with os.fdopen(os.memfd_create("graph"), "wb") as file:
        file.write(model)
        file.flush()
        return ort.InferenceSession(f"/proc/self/fd/{file.fileno()}", options, providers=providers)


def _array(value: Any) -> Array:
    if value.data_type() != _BFLOAT16:
        return np.asarray(value.numpy())
    shape = value.shape()
    bits = np.empty(shape, np.uint16)
    ctypes.memmove(bits.ctypes.data, value.data_ptr(), bits.nbytes)
    return bits


def _reason(error: Exception) -> str:
    """ONNX Runtime's message, without error code and source line."""
    text = str(error).rpartition("Status Message: ")[2].rpartition("[ONNXRuntimeError] : ")[2]
    return _first_line(_ERROR_CODE.sub("", text))


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
    """Load CUDA and cuDNN from their wheels, which the dynamic linker does not search."""
    ort.preload_dlls()


def _specs(nodes: Sequence[Any]) -> tuple[TensorSpec, ...]:
    return tuple(TensorSpec(node.name, node.type, tuple(node.shape)) for node in nodes)


def _first_line(error: Exception | str) -> str:
    text = _MEMORY_FILE.sub("", _SOURCE_LINE.sub("", str(error)))
    return (text.splitlines() or [type(error).__name__])[0][:300]
