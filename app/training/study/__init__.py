"""Experiments of the textbooks: a table, a picture and a paragraph each, in minutes."""
