"""The versions of one model: which is wanted, which were refused, which is still being written.

Knows folders and what was said about them; loads nothing and serves nothing. What it holds is
replaced, never changed in place, so another thread may read it at any time.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

from app.errors import ModelRefused
from app.serving.models.loader import LoadedModel, verify_files
from app.serving.models.manifest import read_manifest
from app.serving.models.stored import ABSENT, Snapshot, missing_part, snapshot, version_names

E = TypeVar("E")


@dataclass(frozen=True, slots=True)
class Refusal:
    """A version that was tried and is not served, and why."""

    name: str
    version: str
    reason: str


@dataclass(frozen=True, slots=True)
class VersionState:
    """One version of one model. `reason` is empty for one that is served and as it should be."""

    name: str
    version: str
    state: Literal["READY", "UNAVAILABLE", "LOADING", "UNLOADING"]
    reason: str


class Shelf:
    """`pin` is the only version that is wanted; `unloaded` means that none is.

    `note` says what is wrong with the folder of the served version, if anything is.
    """

    def __init__(self, root: Path, name: str, pin: str | None = None) -> None:
        self.name = name
        self.pin = pin
        self.unloaded = False
        self.note = ""
        self._root = root
        self._refused: Mapping[str, tuple[Snapshot, Refusal]] = {}
        self._unfinished: Mapping[str, tuple[Snapshot, str]] = {}
        self._noted: Snapshot | None = None

    def versions(self) -> list[str]:
        """Those on the disk, the highest first. Raises OSError if nobody can tell."""
        return version_names(self._root / self.name)

    def known(self, used: Iterable[str]) -> list[str]:
        """Every version there is anything to say about, by number; `used` are some of them."""
        try:
            stored = self.versions()
        except OSError:
            stored = []
        return sorted({*stored, *self._refused, *used}, key=int)

    def folder(self, version: str) -> Path:
        """Where a version lies."""
        return self._root / self.name / version

    def refused(self) -> list[Refusal]:
        """Every version that was tried in vain, the highest first."""
        refusals = self._refused
        return [refusals[version][1] for version in sorted(refusals, key=int, reverse=True)]

    def candidates(self, served: str | None, *, patient: bool) -> Iterator[str]:
        """Versions that should be tried now in place of `served`, the best first.

        Never a lower one than `served`, unless it is pinned; never one that was refused and whose
        files are still what they were. With `patient` also none that is not complete, as long as
        its files change from one call to the next: it is being copied.

        Raises OSError if the folder of the model cannot be read.
        """
        versions = self.versions()
        self._forget_absent(versions)
        if self.pin is not None:
            versions = [self.pin]
        for version in versions:
            if version == served or (
                self.pin is None and served is not None and int(version) < int(served)
            ):
                return
            now = snapshot(self.folder(version))
            if self._refused.get(version, (None, None))[0] == now:
                continue
            if patient and now != ABSENT and self._is_growing(version, now):
                continue
            yield version

    def refuse(self, version: str, files: Snapshot, reason: str) -> None:
        """Note that the version failed with these files. Paths inside the repository only."""
        # Clients may read it, and need not know where on the disk it happened.
        refusal = Refusal(self.name, version, reason.replace(f"{self._root}/", ""))
        self._refused = {**self._refused, version: (files, refusal)}
        self._unfinished = _without(self._unfinished, version)

    def accept(self, model: LoadedModel) -> None:
        """Note that this version is served now."""
        self._refused = _without(self._refused, model.version)
        self._unfinished = _without(self._unfinished, model.version)
        self._noted, self.note = model.files, ""

    def look_after(self, model: LoadedModel) -> bool:
        """Whether `note` has changed, because the folder of the served version has."""
        now = snapshot(model.folder)
        if now == self._noted:
            return False
        self._noted = now
        before, self.note = self.note, _departure(model, now)
        return self.note != before

    def why_not(self, version: str, served: str | None) -> str:
        """Why a version on the disk is not the one that is served."""
        if version in self._refused:
            return self._refused[version][1].reason
        if self.unloaded:
            return "the model is unloaded"
        if version in self._unfinished:
            return f"it is still being written: {self._unfinished[version][1]}"
        if self.pin is not None:
            return f"version {self.pin} is pinned"
        return f"version {served} is served" if served else "it is not loaded yet"

    def _is_growing(self, version: str, now: Snapshot) -> bool:
        """Whether the version is incomplete and has changed since the last call."""
        missing = missing_part(self.folder(version))
        before, _ = self._unfinished.get(version, (None, ""))
        self._unfinished = _without(self._unfinished, version)
        if missing:
            self._unfinished = {**self._unfinished, version: (now, missing)}
        return bool(missing) and before != now

    def _forget_absent(self, versions: list[str]) -> None:
        kept = {*versions, self.pin}
        for version in [each for each in self._refused if each not in kept]:
            self._refused = _without(self._refused, version)
        for version in [each for each in self._unfinished if each not in kept]:
            self._unfinished = _without(self._unfinished, version)


def _departure(model: LoadedModel, now: Snapshot) -> str:
    """How the folder differs from what was loaded from it; empty if it holds the same bytes."""
    if now == ABSENT:
        return "its folder is gone"
    try:
        manifest = read_manifest(model.folder)
        verify_files(model.folder, manifest)
    except ModelRefused as error:
        return f"its folder would not load any more: {error.message}"
    return "" if manifest == model.manifest else "its folder holds another version of the files"


def _without(entries: Mapping[str, E], version: str) -> Mapping[str, E]:
    return {each: entry for each, entry in entries.items() if each != version}
