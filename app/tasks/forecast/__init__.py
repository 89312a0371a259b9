"""The forecast task: a series in, the distribution of its next steps out."""
