"""Measurements of the running service. Nothing in `app` knows of them."""
