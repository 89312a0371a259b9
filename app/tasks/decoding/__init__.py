"""Sequences out, step by step: what captions and translations share."""
