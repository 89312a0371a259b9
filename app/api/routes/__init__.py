"""One file a route, its schema beside it."""
