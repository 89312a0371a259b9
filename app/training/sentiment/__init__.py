"""Trains and scores classifiers of texts."""
