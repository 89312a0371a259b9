"""Trains the forecaster that streams and scores anomalies."""
