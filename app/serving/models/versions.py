"""The versions of one model: which is wanted, which were refused, which is still being copied.

Knows folders and what was found in them; loads nothing and serves nothing. Its collections are
replaced, never changed in place, so other threads may read them at any time.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from app.errors import ModelNotFound, ModelRefused
from app.serving.models.folders import (
    ABSENT,
    Snapshot,
    is_candidate,
    missing_part,
    promoted_names,
    snapshot,
    version_names,
)
from app.serving.models.loader import LoadedModel, verify_files
from app.serving.models.manifest import read_manifest
from app.serving.models.wanted import Wanted

E = TypeVar("E")


@dataclass(frozen=True, slots=True)
class Refusal:
    """A version that was tried and is not served, and why."""

    name: str
    version: str
    reason: str


class ModelVersions:
    """What is known of the versions of one model.

    pin: the only version that is wanted; None for the highest. unloaded: no version is wanted.
    note: what is wrong with the folder of the served version; empty if nothing is. followed: the
    time of the last wish that was noted, see `Wanted`.
    """

    def __init__(self, root: Path, name: str, pin: str | None = None) -> None:
        self.name = name
        self.pin = pin
        self.unloaded = False
        self.note = ""
        self.followed = ""
        self._root = root
        self._refused: Mapping[str, tuple[Snapshot, Refusal]] = {}
        self._unfinished: Mapping[str, tuple[Snapshot, str]] = {}
        self._served_files: Snapshot | None = None  # when `note` was written

    def want(self, wanted: Wanted) -> None:
        """Keep to this from now on."""
        self.pin, self.unloaded, self.followed = wanted.version, wanted.unloaded, wanted.changed

    def on_disk(self) -> list[str]:
        """The versions on the disk, the highest first.

        Raises:
            OSError: the folder of the model cannot be read.
        """
        return version_names(self._root / self.name)

    def choose(self, version: str | None) -> str:
        """`version`; for None the highest that is no candidate, or the highest where all are.

        Raises:
            ModelNotFound: it is not on the disk.
            ModelRefused: the folder of the model cannot be read.
        """
        try:
            versions = self.on_disk()
        except OSError as error:
            raise ModelRefused(f"the folder of {self.name} cannot be read: {error}") from error
        if not versions:
            raise ModelNotFound(f"there is no version of model {self.name!r} in the repository")
        if version is not None and version not in versions:
            raise ModelNotFound(
                f"version {version!r} of model {self.name!r} is not in the repository; "
                f"there: {', '.join(versions)}"
            )
        promoted = [each for each in versions if not is_candidate(self.folder(each))]
        return version or (promoted or versions)[0]

    def known(self, used: Iterable[str]) -> list[str]:
        """All versions by number: those on the disk, those that were refused, and `used`."""
        try:
            stored = self.on_disk()
        except OSError:
            stored = []
        return sorted({*stored, *self._refused, *used}, key=int)

    def folder(self, version: str) -> Path:
        """The folder of a version."""
        return self._root / self.name / version

    def refused(self) -> list[Refusal]:
        """Every version that was refused, the highest first."""
        refusals = self._refused
        return [refusals[version][1] for version in sorted(refusals, key=int, reverse=True)]

    def newest_candidate(self) -> str | None:
        """The highest candidate that may be loaded beside what is served; None with a pin.

        Raises:
            OSError: the folder of the model cannot be read.
        """
        if self.pin is not None or self.unloaded:
            return None
        waiting = [each for each in self.on_disk() if is_candidate(self.folder(each))]
        return next((each for each in waiting if not self._was_refused(each)), None)

    def to_try(self, served: str | None, *, patient: bool) -> Iterator[str]:
        """Versions to try now in place of `served`, the best first.

        They are no candidates, higher than `served` unless that has become a candidate or one is
        pinned, and were not refused with the same files before. With `patient` a version is left
        out that is not complete and whose files have changed since the last call: it is being
        copied.

        Raises:
            OSError: the folder of the model cannot be read.
        """
        self._forget_absent(self.on_disk())
        folder = self._root / self.name
        versions = promoted_names(folder) if self.pin is None else [self.pin]
        aside = served is not None and is_candidate(self.folder(served))
        for version in versions:
            if version == served or (
                self.pin is None and served is not None and not aside and int(version) < int(served)
            ):
                return
            now = snapshot(self.folder(version))
            if self._was_refused(version):
                continue
            if patient and now != ABSENT and self._is_being_copied(version, now):
                continue
            yield version

    def refuse(self, version: str, files: Snapshot, reason: str) -> None:
        """Note that the version failed with these files."""
        # Clients can read the reason; it must not say where the repository lies on the disk.
        refusal = Refusal(self.name, version, reason.replace(f"{self._root}/", ""))
        self._refused = {**self._refused, version: (files, refusal)}
        self._unfinished = _without(self._unfinished, version)

    def accept(self, model: LoadedModel) -> None:
        """Note that this version is served now."""
        self._refused = _without(self._refused, model.version)
        self._unfinished = _without(self._unfinished, model.version)
        self._served_files, self.note = model.files, ""

    def check_folder(self, model: LoadedModel) -> bool:
        """Update `note` from the folder of the served version. Returns whether it changed."""
        now = snapshot(model.folder)
        if now == self._served_files:
            return False
        self._served_files = now
        before, self.note = self.note, _folder_difference(model, now)
        return self.note != before

    def reason_not_served(self, version: str, served: str | None) -> str:
        """Why a version on the disk is not the one that is served."""
        if version in self._refused:
            return self._refused[version][1].reason
        if self.unloaded:
            return "the model is unloaded"
        if version in self._unfinished:
            return f"it is still being written: {self._unfinished[version][1]}"
        if self.pin is not None:
            return f"version {self.pin} is pinned"
        if is_candidate(self.folder(version)):
            return "it is a candidate, and a newer one is loaded"
        return f"version {served} is served" if served else "it is not loaded yet"

    def _was_refused(self, version: str) -> bool:
        """Whether the version was refused with the files that it has now."""
        return self._refused.get(version, (None, None))[0] == snapshot(self.folder(version))

    def _is_being_copied(self, version: str, now: Snapshot) -> bool:
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


def _folder_difference(model: LoadedModel, now: Snapshot) -> str:
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
