"""One of several processes of a service: started by the supervisor, with its settings.

Knows how to begin and to end; `app.http.workers.supervisor` knows the others.
"""

import pickle
import socket
import sys
from typing import Any

from app.http import server
from app.http.workers.fleet import Fleet
from app.settings import Settings
from app.telemetry import log, tracing


def main(make_app: Any = None) -> None:
    """Serve until a signal, or until the parent is gone; exit status 1 if it could not start."""
    if make_app is None:
        from app.main import create_app as make_app
    end = socket.socket(fileno=int(sys.argv[1]))
    settings = _settings(end)
    log.configure(settings.log_format, settings.log_level)
    tracing.configure(settings.tracing)
    try:
        started = server.serve(make_app(settings, fleet=Fleet(end)), settings)
    finally:
        tracing.shutdown()
    sys.exit(0 if started else 1)


def _settings(end: socket.socket) -> Settings:
    """What the parent sends first: keys among it, which no list of processes may show."""
    size = int.from_bytes(_exactly(end, 4), "big")
    settings: Settings = pickle.loads(_exactly(end, size))
    return settings


def _exactly(end: socket.socket, size: int) -> bytes:
    content = b""
    while len(content) < size:
        part = end.recv(size - len(content))
        if not part:
            sys.exit(1)
        content += part
    return content
