"""Trains and scores captioners."""
