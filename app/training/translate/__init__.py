"""Translators with attention, of one source language into several target languages."""
