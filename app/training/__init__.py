"""Training with PyTorch, export to ONNX; the service never imports this package."""
