"""The task of running any graph by its tensors."""
