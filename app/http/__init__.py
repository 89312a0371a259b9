"""The HTTP server. Knows uvicorn, sockets and signals; no route and no model."""
