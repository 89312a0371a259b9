"""Trains the forecaster of the textbook's generated series."""
