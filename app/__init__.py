"""Unroll: recurrent neural networks over HTTP. Knows its version and what must be set first."""

import os

__version__ = "0.1.0"

# ONNX Runtime's builds report usage to their vendor unless told not to before they are imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
