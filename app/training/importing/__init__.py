"""Makes a version of the task `tensor` from anybody's ONNX file, or says what has to be mended."""
