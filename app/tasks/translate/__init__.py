"""The translate task: a text in one language in, the same in another one out."""
