"""The port that the service listens on. Knows sockets and settings; no process and no protocol."""

import socket

from app.errors import ConfigurationError
from app.settings import Settings


def shared_socket(settings: Settings) -> socket.socket:
    """A socket on the port that other processes listen on as well; the kernel spreads clients."""
    listening = _unbound(settings)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listening.bind((settings.host, settings.port))
    return listening


def own_socket(settings: Settings) -> socket.socket:
    """A socket on the port, which nobody else has. Raises ConfigurationError."""
    bound = _unbound(settings)
    try:
        bound.bind((settings.host, settings.port))
    except OSError as error:
        bound.close()
        raise ConfigurationError(
            f"UNROLL_PORT: {settings.host}:{settings.port} cannot be used: {error.strerror}"
        ) from error
    return bound


def require_port(settings: Settings) -> None:
    """Raise ConfigurationError for a port that cannot be had, before anything is loaded."""
    own_socket(settings).close()


def _unbound(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    unbound = socket.socket(family)
    unbound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return unbound
