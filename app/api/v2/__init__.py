"""The Open Inference Protocol: any graph by its tensors."""
