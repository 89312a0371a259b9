"""One network in ONNX Runtime. Knows tensors by name; not what they mean, nor who calls."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from app import tracing
from app.errors import ModelRefused

Array: TypeAlias = npt.NDArray[Any]

_ERRORS_ONLY: Final = 3
_CUDA: Final = "CUDAExecutionProvider"
_OUTSIDE: Final = re.compile("[Ee]xternal (data|tensor)")  # in what ONNX Runtime says of such


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """Name, element type such as `tensor(float)`, and shape; a str or None dimension is free."""

    name: str
    type: str
    shape: tuple[int | str | None, ...]


class Session:
    """A graph that is ready to run.

    Parallelism comes from several sessions, one per worker thread, and not from threads inside
    one: a recurrence has little to share out, and batches then never wait for each other.
    """

    def __init__(
        self,
        model: Path | bytes,
        providers: Sequence[str] = ("CPUExecutionProvider",),
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
        options.log_severity_level = _ERRORS_ONLY
        # A spinning thread burns the core that another worker, or another container, could use.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.add_session_config_entry("session.inter_op.allow_spinning", "0")

        source = model if isinstance(model, bytes) else str(model)
        usable = _usable(providers)
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
        self.inputs: tuple[TensorSpec, ...] = _specs(self._session.get_inputs())
        self.outputs: tuple[TensorSpec, ...] = _specs(self._session.get_outputs())
        self.provider: str = self._session.get_providers()[0]
        if self.provider not in usable:  # the runtime falls back to the CPU and only logs it
            raise ModelRefused(f"{usable[0]} does not start here, and {self.provider} is not asked")
        self._output_names = [spec.name for spec in self.outputs]

    def run(
        self, feeds: Mapping[str, Array], outputs: Sequence[str] | None = None
    ) -> dict[str, Array]:
        """Compute `outputs` (default: all of them) from `feeds`, both by name.

        Raises whatever ONNX Runtime raises on wrong names, element types or shapes.
        """
        names = self._output_names if outputs is None else list(outputs)
        with tracing.run():
            values = self._session.run(names, dict(feeds))
        return {name: np.asarray(value) for name, value in zip(names, values, strict=True)}


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


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:300]
