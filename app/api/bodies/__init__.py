"""Bodies of requests: how they are read, within bounds, and what is said of a wrong field."""
