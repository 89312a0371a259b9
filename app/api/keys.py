"""Which API keys are known, and whether a request carries one. Knows headers; no route, no model.

Keys are kept and compared as SHA-256 digests, all of them every time, so that the time it takes
says nothing about how long a key is, how much of it was right, or which one it was.
"""

import hashlib
import hmac
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.errors import STATUSES, problem_response
from app.errors import ConfigurationError
from app.log import get_logger
from app.settings import KEY_RULE, Settings, is_key

HEADER: Final = "X-API-Key"
# Orchestrators and browsers cannot send a key, and what these tell is no secret.
OPEN_PATHS: Final = frozenset({"/health/live", "/health/ready", "/docs", "/openapi.json"})
METRICS_PATH: Final = "/metrics"

_CHECK_SECONDS: Final = 1.0  # how often the file is looked at, at most
_MAX_FILE_BYTES: Final = 1024 * 1024
_log = get_logger(__name__)


class KeyRing:
    """The keys of the settings and of a file, which is read again when it has changed."""

    def __init__(
        self, keys: Iterable[str], file: Path | None, *, check_seconds: float = _CHECK_SECONDS
    ) -> None:
        """Raises ConfigurationError for a file that cannot be read or holds no keys."""
        self._fixed = frozenset(map(_digest_of_text, keys))
        self._file = file
        self._check_seconds = check_seconds
        self._next_check = time.monotonic() + check_seconds
        self._seen = None if file is None else _state(file)
        try:
            self._digests = self._fixed if file is None else self._fixed | _read(file)
        except (OSError, ValueError) as error:
            # Without keys the service would be open to everybody: better no service.
            raise ConfigurationError(
                f"UNROLL_API_KEYS_FILE: {_reason(error)} (got '{file}')"
            ) from None
        _log.info("api_keys_loaded", keys=len(self._digests))

    def knows(self, candidate: bytes) -> bool:
        """Whether `candidate` is a key, in a time that depends on its own length only."""
        self._refresh()
        digest = hashlib.sha256(candidate).digest()
        found = False
        for known in self._digests:
            found |= hmac.compare_digest(digest, known)
        return found

    def _refresh(self) -> None:
        """Take over a changed file. One that is wrong or gone leaves the keys as they were."""
        now = time.monotonic()
        if self._file is None or now < self._next_check:
            return
        self._next_check = now + self._check_seconds
        state = _state(self._file)
        if state == self._seen:
            return
        self._seen = state
        try:
            self._digests = self._fixed | _read(self._file)
        except (OSError, ValueError) as error:
            _log.error("api_keys_refused", reason=_reason(error), keys=len(self._digests))
        else:
            _log.info("api_keys_loaded", keys=len(self._digests))


class KeyMiddleware:
    """Answers 401 to whatever carries no known key, before a byte of its body is read."""

    def __init__(self, app: ASGIApp, ring: KeyRing, open_paths: frozenset[str]) -> None:
        self._app = app
        self._ring = ring
        self._open_paths = open_paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or scope["path"] in self._open_paths:
            await self._app(scope, receive, send)
            return
        candidates = _candidates(scope)
        if any(map(self._ring.knows, candidates)):
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await _refuse(scope, receive, send, sent=bool(candidates))
        else:
            await send({"type": "websocket.close", "code": 1008})


def key_ring(settings: Settings) -> KeyRing | None:
    """The keys that `settings` ask for; None if they ask for none. Raises ConfigurationError."""
    if not settings.api_keys and settings.api_keys_file is None:
        return None
    return KeyRing((key.get_secret_value() for key in settings.api_keys), settings.api_keys_file)


def open_paths(settings: Settings) -> frozenset[str]:
    """The paths that never ask for a key."""
    return OPEN_PATHS if settings.protect_metrics else OPEN_PATHS | {METRICS_PATH}


async def _refuse(scope: Scope, receive: Receive, send: Send, *, sent: bool) -> None:
    kind = STATUSES[401]
    what = "the API key is not known" if sent else "this needs an API key"
    challenge = 'Bearer realm="unroll"' + (', error="invalid_token"' if sent else "")
    response = problem_response(
        scope,
        kind,
        f"{what}; send one as Authorization: Bearer KEY, or as {HEADER}: KEY",
        headers={"WWW-Authenticate": challenge},
    )
    await response(scope, receive, send)


def _candidates(scope: Scope) -> list[bytes]:
    """What the request offers as a key: the first bearer token, the first X-API-Key."""
    bearer = own = None
    for name, value in scope["headers"]:
        if name == b"authorization" and bearer is None:
            scheme, _, token = value.strip().partition(b" ")
            if scheme.lower() == b"bearer" and token:
                bearer = token.strip()
        elif name == b"x-api-key" and own is None:
            own = value.strip()
    return [each for each in (bearer, own) if each]


def _digest_of_text(key: str) -> bytes:
    return hashlib.sha256(key.encode("ascii")).digest()


def _state(file: Path) -> tuple[int, ...] | None:
    """What changes when the file does, also when a link is turned to another file."""
    try:
        stat = file.stat()
    except OSError:
        return None
    return stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns


def _read(file: Path) -> frozenset[bytes]:
    """The digests of the keys in `file`. Raises OSError, or ValueError that shows no key."""
    with file.open("rb") as stream:
        content = stream.read(_MAX_FILE_BYTES + 1)
    if len(content) > _MAX_FILE_BYTES:
        raise ValueError(f"the file is larger than {_MAX_FILE_BYTES} bytes")
    digests = set()
    for number, line in enumerate(content.decode("utf-8-sig", "replace").splitlines(), start=1):
        key, *rest = line.split(maxsplit=1) or [""]
        if not key or key.startswith("#"):
            continue
        if not is_key(key) or (rest and not rest[0].startswith("#")):
            raise ValueError(f"line {number}: a key {KEY_RULE}")
        digests.add(_digest_of_text(key))
    if not digests:
        raise ValueError("the file holds no key")
    return frozenset(digests)


def _reason(error: Exception) -> str:
    return f"{error.strerror}" if isinstance(error, OSError) else str(error)
