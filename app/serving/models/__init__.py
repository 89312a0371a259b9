"""The model repository: versions, their checks, their replacement. Knows no request."""
