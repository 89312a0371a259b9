"""Reaches a published model as a client does; knows transport and folders, no task.

Either over HTTP from a running server, or by loading it in this process, scheduler and all, which
is the same path without the transport.
"""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from app.errors import ModelNotFound, ModelRefused, UnrollError
from app.serving.models.loader import LoadedModel, ServingOptions, load_version
from app.serving.runtime.threads import available_threads
from app.serving.task import Task
from app.training.common.publish import latest_version

_ATTEMPTS = 5
_TIMEOUT_SECONDS = 300.0


@contextmanager
def loaded_model(
    root: Path, task: str, kind: type[Task[Any, Any]], name: str, version: str | None = None
) -> Iterator[LoadedModel]:
    """A version of ``root``, the highest unless one is named, loaded as the service does it.

    Raises:
        ModelNotFound: it is not there, or it was refused (with the reason).
    """
    version = version or latest_version(root / name)
    options = ServingOptions(workers=available_threads())
    folder = root / name / version
    try:
        loaded = load_version(folder, {task: kind}, options, expected=(name, version))
    except ModelRefused as error:
        why = f"{name}/{version}: {error.message}"
        raise ModelNotFound(f"model {name!r} of {root} cannot be asked: {why}") from error
    try:
        yield loaded
    finally:
        loaded.close()


def call(url: str, body: dict[str, Any] | None = None) -> Any:
    """The JSON that ``url`` answers to a GET, or to a POST of ``body``; waits while it is busy.

    Raises:
        UnrollError: it cannot be reached, or answers an error.
    """
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    for attempt in range(_ATTEMPTS):
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            detail = error.read().decode(errors="replace")
            if error.code != 429 or attempt == _ATTEMPTS - 1:
                raise UnrollError(f"{url} answered {error.code}: {detail}") from error
            time.sleep(float(error.headers.get("Retry-After") or 1.0))
        except OSError as error:
            raise UnrollError(f"{url} cannot be reached: {error}") from error
    raise AssertionError("unreachable: the last attempt returns or raises")
