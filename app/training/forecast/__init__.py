"""Trains and scores forecasters."""
