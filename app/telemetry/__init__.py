"""Metrics, log and traces. Imported by everybody; imports no other part of the service."""
