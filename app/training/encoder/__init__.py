"""Trains image encoders by distillation."""
