"""Covariates of a request: a regression on them, and what the network adds."""
