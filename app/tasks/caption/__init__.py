"""The task of saying in a sentence what an image shows."""
