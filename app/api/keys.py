"""Which API keys are known, and whether a request carries one. Knows headers; no route, no model.

Keys are kept and compared as SHA-256 digests, all of them every time, so that the time it takes
says nothing about how long a key is, how much of it was right, or which one it was.
"""

import hashlib
import hmac
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import SecretStr
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.errors import STATUSES, problem_response
from app.errors import ConfigurationError
from app.settings import KEY_RULE, Settings, is_key
from app.telemetry.log import get_logger

HEADER: Final = "X-API-Key"
# Orchestrators and browsers cannot send a key, and what these tell is no secret.
OPEN_PATHS: Final = frozenset(
    (
        *("/health/live", "/health/ready", "/openapi.json"),
        *("/v2/health/live", "/v2/health/ready", "/ping"),
    )
)
ADMIN_PREFIX: Final = "/v2/repository/models/"  # loading and unloading
METRICS_PATH: Final = "/metrics"

_CHECK_SECONDS: Final = 1.0  # how often the file is looked at, at most
_OWNER_DIGITS: Final = 16
_MAX_FILE_BYTES: Final = 1024 * 1024
_log = get_logger(__name__)


class KeyRing:
    """The keys of the settings and of a file, which is read again when it has changed."""

    def __init__(
        self,
        keys: Iterable[str],
        file: Path | None,
        *,
        setting: str = "UNROLL_API_KEYS_FILE",
        check_seconds: float = _CHECK_SECONDS,
    ) -> None:
        """`setting` is the one that names the file.

        Raises ConfigurationError for a file that cannot be read or holds no keys.
        """
        self._fixed = frozenset(map(_digest_of_text, keys))
        self._file = file
        self._check_seconds = check_seconds
        self._next_check = time.monotonic() + check_seconds
        self._seen = None if file is None else _state(file)
        try:
            self._digests = self._fixed if file is None else self._fixed | _read(file)
        except (OSError, ValueError) as error:
            # Without keys the service would be open to everybody: better no service.
            raise ConfigurationError(f"{setting}: {_reason(error)} (got '{file}')") from None
        _log.info("api_keys_loaded", keys=len(self._digests))

    def knows(self, candidate: bytes) -> bool:
        """Whether `candidate` is a key, in a time that depends on its own length only."""
        self._refresh()
        digest = hashlib.sha256(candidate).digest()
        found = False
        for known in self._digests:
            found |= hmac.compare_digest(digest, known)
        return found

    def owner(self, candidates: Sequence[bytes]) -> str:
        """A name for the first candidate that is a key; it does not tell the key."""
        for candidate in candidates:
            if self.knows(candidate):
                return hashlib.sha256(b"owner:" + candidate).hexdigest()[:_OWNER_DIGITS]
        return ""

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


@dataclass(frozen=True, slots=True)
class Access:
    """Who may do what. `keys` None: everybody may; `admin_keys` None: nobody may who needs one."""

    keys: KeyRing | None
    admin_keys: KeyRing | None
    open_paths: frozenset[str]

    def needs_key(self, path: str) -> bool:
        """Whether a request to `path` must carry a key, of whichever kind."""
        return _is_admin(path) or (self.keys is not None and path not in self.open_paths)

    def owner(self, candidates: Sequence[bytes]) -> str:
        """Whose request this is: a name for its key, "" where none is asked for."""
        rings = [each for each in (self.keys, self.admin_keys) if each is not None]
        return next(filter(None, (each.owner(candidates) for each in rings)), "")

    def check(self, path: str, candidates: Sequence[bytes]) -> int:
        """The status that a request with these candidates for a key deserves: 200, 401 or 403."""
        if not self.needs_key(path):
            return 200
        if self.admin_keys is not None and any(map(self.admin_keys.knows, candidates)):
            return 200
        if self.keys is None or not any(map(self.keys.knows, candidates)):
            return 401
        return 403 if _is_admin(path) else 200


class KeyMiddleware:
    """Answers 401 to whatever carries no known key, before a byte of its body is read.

    And 403 to what needs an administrator's key and carries another.
    """

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        candidates = candidates_of(scope["headers"])
        status = self._access.check(scope["path"], candidates)
        if status == 200:
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await _refuse(scope, receive, send, status, sent=bool(candidates))
        else:
            await send({"type": "websocket.close", "code": 1008})


def access_of(settings: Settings, files: Iterable[str] = ()) -> Access | None:
    """The access that `settings` ask for; None if they name no keys. Raises ConfigurationError.

    files: paths of files that make up pages, which browsers fetch without a key.
    """
    keys = _ring("UNROLL_API_KEYS_FILE", settings.api_keys, settings.api_keys_file)
    admin_keys = _ring(
        "UNROLL_ADMIN_API_KEYS_FILE", settings.admin_api_keys, settings.admin_api_keys_file
    )
    if keys is None and admin_keys is None:
        return None
    open_paths = OPEN_PATHS.union(files, () if settings.protect_metrics else (METRICS_PATH,))
    return Access(keys, admin_keys, open_paths)


def _ring(setting: str, keys: Sequence[SecretStr], file: Path | None) -> KeyRing | None:
    if not keys and file is None:
        return None
    return KeyRing((key.get_secret_value() for key in keys), file, setting=setting)


def _is_admin(path: str) -> bool:
    return path.startswith(ADMIN_PREFIX)


async def _refuse(scope: Scope, receive: Receive, send: Send, status: int, *, sent: bool) -> None:
    if status == 403:
        detail = "this needs the API key of an administrator"
        await problem_response(scope, STATUSES[403], detail)(scope, receive, send)
        return
    what = "the API key is not known" if sent else "this needs an API key"
    challenge = 'Bearer realm="unroll"' + (', error="invalid_token"' if sent else "")
    response = problem_response(
        scope,
        STATUSES[401],
        f"{what}; send one as Authorization: Bearer KEY, or as {HEADER}: KEY",
        headers={"WWW-Authenticate": challenge},
    )
    await response(scope, receive, send)


def candidates_of(headers: Iterable[tuple[bytes, bytes]]) -> list[bytes]:
    """What the request offers as a key: the first bearer token, the first X-API-Key."""
    bearer = own = None
    for name, value in headers:
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
