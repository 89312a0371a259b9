"""The pydantic model of manifest.json. Knows its shape; not what features mean, nor how to load.

A manifest says what a version is, which bytes it is made of, how it was trained and how well it
does, and holds golden examples: real requests with the exact answers its graph gave.
"""

import errno
import hashlib
import re
import stat
from pathlib import Path
from typing import Annotated, Final

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    StringConstraints,
    ValidationError,
    field_validator,
)

from app.errors import ModelRefused

FILE_NAME: Final = "manifest.json"
NAME_PATTERN: Final = re.compile(r"[a-z0-9][a-z0-9_-]*")
VERSION_PATTERN: Final = re.compile(r"[1-9][0-9]{0,8}")

Name = Annotated[str, StringConstraints(pattern=rf"^{NAME_PATTERN.pattern}$", max_length=64)]
Version = Annotated[str, StringConstraints(pattern=rf"^{VERSION_PATTERN.pattern}$")]
# A plain name: nothing that a manifest says may reach outside its own folder.
FileName = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=128)
]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FileDigest(_Part):
    """What one file must be, byte for byte."""

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    bytes: int = Field(ge=0)


class Network(_Part):
    """The network's dimensions.

    num_layers, hidden_size: of recurrent layers; 0 in a network without any. members: graphs
    whose outputs are averaged into one answer.
    """

    cell: str
    num_layers: int = Field(ge=0)
    hidden_size: int = Field(ge=0)
    parameters: int = Field(ge=0)
    opset: int = Field(ge=1)
    members: int = Field(1, ge=1)


class Golden(_Part):
    """A request (the keywords of the task's `encode`) and the answer that was given to it."""

    request: dict[str, JsonValue]
    answer: dict[str, JsonValue]


class Manifest(_Part):
    """Everything that is known about one version of one model."""

    name: Name
    version: Version
    task: Name
    created: str
    description: str
    license: str
    intended_use: str
    files: dict[FileName, FileDigest] = Field(min_length=1)
    network: Network
    features: dict[str, JsonValue] = Field(default_factory=dict)
    training: dict[str, JsonValue] = Field(default_factory=dict)
    evaluation: dict[str, JsonValue] = Field(default_factory=dict)
    # At least two: one alone cannot show that an answer is independent of its batch-mates.
    golden: tuple[Golden, ...] = Field(min_length=2)

    @field_validator("files")
    @classmethod
    def _not_itself(cls, files: dict[str, FileDigest]) -> dict[str, FileDigest]:
        if FILE_NAME in files:
            raise ValueError(f"{FILE_NAME} cannot list itself")
        return files


def read_manifest(folder: Path) -> Manifest:
    """Read `folder`/manifest.json.

    Raises:
        ModelRefused: it is missing or not valid; the message says how.
    """
    path = folder / FILE_NAME
    try:
        _require_file(path)
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise ModelRefused(f"there is no {FILE_NAME}") from error
    except OSError as error:
        raise ModelRefused(f"{FILE_NAME} cannot be read: {error.strerror}") from error
    try:
        return Manifest.model_validate_json(content)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_context=False, include_input=False)
        first = problems[0]
        where = ".".join(str(part) for part in first["loc"])
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        text = f"{where}: {first['msg']}" if where else first["msg"]
        raise ModelRefused(f"{FILE_NAME} is not valid: {text}{more}") from error


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write `folder`/manifest.json, in a form that a person can read and `diff`."""
    text = manifest.model_dump_json(indent=2)
    (folder / FILE_NAME).write_text(text + "\n", encoding="utf-8")


def digest(path: Path) -> FileDigest:
    """Size and sha256 of the file at `path`.

    Raises:
        OSError: it cannot be read, or is not a regular file.
    """
    _require_file(path)
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        return FileDigest(sha256=sha256, bytes=file.tell())


def _require_file(path: Path) -> None:
    # Opening a pipe would block until another process writes into it.
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(errno.EINVAL, "it is no regular file")
