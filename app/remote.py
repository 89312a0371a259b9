"""Asks a running service through its client. Knows whose errors are whose; not what is asked.

The client, `unroll_client`, is a distribution of its own and is imported when it is needed.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from app.errors import ConfigurationError, UnrollError

if TYPE_CHECKING:
    from unroll_client import Client

KEY_VARIABLE: Final = "UNROLL_API_KEY"
_RETRY_SECONDS: Final = 10.0


@contextmanager
def service(
    url: str,
    *,
    api_key: str | None = None,
    timeout: float = 60.0,
    retry_seconds: float = _RETRY_SECONDS,
    wait_for_start: bool = False,
) -> "Iterator[Client]":
    """A client of the service at `url`; its errors are raised as those of this package.

    Times are in seconds: `timeout` for an attempt, `retry_seconds` for all of them.

    Raises:
        ConfigurationError: an address or a key that cannot be one, or the client is not installed.
        UnrollError: the service cannot be reached, refuses, or is none.
    """
    try:
        import unroll_client
    except ModuleNotFoundError as error:
        if error.name not in ("unroll_client", "httpx"):
            raise
        raise ConfigurationError(
            f"{error.name} is missing: a service is asked through the package unroll-client, "
            "which a checkout has in client/; install it with: pip install ./client"
        ) from None
    try:
        with unroll_client.Client(
            url,
            api_key=api_key or None,
            timeout=timeout,
            retry_seconds=retry_seconds,
            wait_for_start=wait_for_start,
        ) as client:
            yield client
    except unroll_client.WrongArgument as error:
        message = error.message.replace("api_key:", f"{KEY_VARIABLE}:", 1)
        message = f"--{message}" if message.startswith("url:") else message
        raise ConfigurationError(message) from None
    except unroll_client.Unauthorized as error:
        raise UnrollError(f"{error.message} (here: {KEY_VARIABLE} or --api-key)") from None
    except unroll_client.UnrollError as error:
        raise UnrollError(error.message) from None
