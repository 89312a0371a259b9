"""ONNX Runtime: sessions, memory, threads, element types. Knows arrays only."""
