"""The memory that networks on the CPU compute in: one arena for all sessions of the process.

With an arena of its own every session would keep the most that any of its batches ever took.
Without any arena every run would take its memory from the system and return it, and a large
network would spend a good part of its time on page faults. Knows ONNX Runtime's allocators; no
model and no batch.
"""

from functools import cache
from typing import Any, Final

import numpy as np
import onnxruntime as ort

_FIRST_BYTES: Final = 1024 * 1024  # of the first region; each further one is twice as large
_RUNTIME_DEFAULT: Final = -1
_POWER_OF_TWO: Final = 0

# The smallest graph there is, in protobuf's wire format (the service has no package for it): IR
# version 8, opset 13, y = Identity(x) of one float.
IDENTITY_GRAPH: Final = bytes.fromhex(
    "0808 3a37 0a10 0a0178 120179 2208 4964656e74697479 120167"
    "5a0f 0a0178 120a 0a08 0801 1204 0a02 0801 620f 0a0179 120a 0a08 0801 1204 0a02 0801"
    "4204 0a00 100d"
)


def share(options: ort.SessionOptions) -> None:
    """Make sessions with these options compute in the arena, and keep their weights outside it.

    A region that holds weights would never be empty, and so never be returned.
    """
    _register()
    options.add_session_config_entry("session.use_env_allocators", "1")
    options.add_session_config_entry("session.use_device_allocator_for_initializers", "1")


def shrink() -> None:
    """Return empty regions to the system. ONNX Runtime does this at the end of a run only."""
    session, options = _shrinker()
    session.run(None, {"x": np.zeros(1, np.float32)}, options)


@cache
def _register() -> None:
    """Create the arena; call it before the first session runs."""
    place = ort.OrtMemoryInfo(
        "Cpu", ort.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, ort.OrtMemType.DEFAULT
    )
    limits = {
        "max_mem": 0,  # no limit
        "arena_extend_strategy": _POWER_OF_TWO,
        "initial_chunk_size_bytes": _FIRST_BYTES,
        "initial_growth_chunk_size_bytes": _FIRST_BYTES,
        "max_dead_bytes_per_chunk": _RUNTIME_DEFAULT,
    }
    ort.create_and_register_allocator(place, ort.OrtArenaCfg(limits))


@cache
def _shrinker() -> tuple[Any, ort.RunOptions]:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    share(options)
    run = ort.RunOptions()
    run.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
    return ort.InferenceSession(IDENTITY_GRAPH, options, providers=["CPUExecutionProvider"]), run
