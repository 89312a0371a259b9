"""Which version of each model is wanted, in one small file. Knows names; loads and serves nothing.

What was loaded, unloaded or rolled back while the service runs is kept here. Every process behind
the port follows it, those that take the place of another included, and the next start of the
service where the folder lasts.
"""

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Final

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from app.errors import ConfigurationError
from app.serving.models.manifest import Name, Version

FILE: Final = "wanted.json"
_LOCK: Final = "wanted.lock"
LOCK_SECONDS: Final = (
    5.0  # seconds for the lock: whoever holds it writes a kilobyte, or has stopped
)


class Wanted(BaseModel):
    """What is wanted of one model, in place of what the settings say of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    # The only version to be served; None for the highest.
    version: Version | None = None
    # Whether no version is to be served.
    unloaded: bool = False
    # When this was said, UTC. It tells a wish that is repeated from one that was followed already.
    changed: str = ""


_FILE: Final = TypeAdapter(dict[Name, Wanted])


class WantedVersions:
    """The wishes of all models by name. One folder belongs to one service, all of whose processes
    and replicas may share it.

    Without a folder they are kept in this object, for a service of one process.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._kept: Mapping[str, Wanted] = MappingProxyType({})

    def all(self) -> Mapping[str, Wanted]:
        """Every model of which something was wanted. Read anew each time: others may have written.

        Raises:
            OSError: the file cannot be read.
            ValueError: it holds something else.
        """
        if self._folder is None:
            return self._kept
        try:
            return _FILE.validate_json((self._folder / FILE).read_bytes())
        except FileNotFoundError:
            return {}
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(map(str, first["loc"]))
            raise ValueError(f"{FILE}: {where}{': ' if where else ''}{first['msg']}") from None

    def put(self, name: str, version: str | None = None, *, unloaded: bool = False) -> Wanted:
        """From now on exactly `version` of the model is wanted, None for the highest, or none.

        Raises:
            OSError: the file cannot be written. Then nothing has changed.
            ValueError: what is there is not such a file.
        """
        now = datetime.now(UTC).isoformat()
        wanted = Wanted(version=version, unloaded=unloaded, changed=now)
        self._change(lambda known: known | {name: wanted})
        return wanted

    def forget(self, names: Iterable[str]) -> None:
        """Nothing more is wanted of these models than the settings say. Raises as `put` does."""
        if dropped := set(names) & self.all().keys():
            self._change(lambda known: {k: each for k, each in known.items() if k not in dropped})

    def _change(self, change: Callable[[dict[str, Wanted]], dict[str, Wanted]]) -> None:
        if self._folder is None:
            self._kept = change(dict(self._kept))
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        with _locked(self._folder / _LOCK):
            content = change(dict(self.all()))
            text = json.dumps(_FILE.dump_python(content, exclude_defaults=True), indent=2)
            new = self._folder / f".{FILE}.{os.getpid()}"
            try:
                with new.open("w", encoding="utf-8") as file:
                    file.write(text + "\n")
                    file.flush()
                    os.fsync(file.fileno())
                new.replace(self._folder / FILE)  # a reader sees the old file or the new one
            finally:
                new.unlink(missing_ok=True)


@contextmanager
def state_folder(
    folder: Path | None, pinned: Iterable[str], *, temporary: bool
) -> Iterator[Path | None]:
    """The folder of wishes for a service that starts, made ready; None for none.

    Without a `folder`, `temporary` makes one that lasts as long as this context. `pinned` are the
    models that the settings pin: that holds from the start on, so what was wanted of them before
    is dropped.

    Raises:
        ConfigurationError: the folder or the file in it cannot be used.
    """
    with ExitStack() as stack:
        try:
            if folder is None and temporary:
                folder = Path(stack.enter_context(TemporaryDirectory(prefix="unroll-")))
            if folder is not None:
                folder.mkdir(parents=True, exist_ok=True)
                with _locked(folder / _LOCK):  # it can be written to
                    pass
                WantedVersions(folder).forget(pinned)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            where = folder or "a temporary folder"
            raise ConfigurationError(
                f"UNROLL_STATE_DIR: {where} cannot be used: {reason}"
            ) from error
        yield folder


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """One process at a time. Raises OSError if another one does not let go."""
    end = time.monotonic() + LOCK_SECONDS
    with path.open("a", encoding="utf-8") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > end:
                    raise TimeoutError(None, f"{path.name} is locked by another process") from None
                time.sleep(0.01)
        yield
