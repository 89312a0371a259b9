"""Streams of served networks: their states, their steps, and what a new version does to them."""
