"""The model repository: versions, their checks, how one replaces another. Knows no request."""
