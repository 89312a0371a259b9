"""Gives a graph that hides its recurrent state inputs and outputs for it, and proves that."""
