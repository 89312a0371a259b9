"""The HTTP server and a client. Knows uvicorn, sockets and signals; no route and no model."""
