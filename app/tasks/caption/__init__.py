"""The caption task: an image in, a sentence about it out."""
