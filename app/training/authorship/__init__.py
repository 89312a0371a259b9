"""Trains and scores networks that tell authors apart."""
