"""The state of every version in the repository, for people and the inference protocol."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from app.serving.models.served import ServedModels
from app.serving.models.versions import ModelVersions


@dataclass(frozen=True, slots=True)
class VersionState:
    """One version of one model. `reason` is empty if it is served and its folder unchanged."""

    name: str
    version: str
    state: Literal["READY", "UNAVAILABLE", "LOADING", "UNLOADING"]
    reason: str


def index_of(
    models: Mapping[str, ModelVersions], served: ServedModels, loading: tuple[str, str] | None
) -> list[VersionState]:
    """Every version on the disk or in use, by name and number. Reads folders: it may block."""
    states: list[VersionState] = []
    ready, candidates, retiring = served.all(), served.candidates(), served.retiring()
    held = served.held()
    for name, versions in sorted(models.items()):
        model, candidate = ready.get(name), candidates.get(name)
        used = [each.version for each in (model, candidate, retiring) if each and each.name == name]
        for version in versions.known([*used, *(each for of, each in held if of == name)]):
            key = (name, version)
            if model is not None and version == model.version:
                state = VersionState(*key, "READY", versions.note)
            elif candidate is not None and version == candidate.version:
                reason = "it is a candidate: requests that name its version are answered"
                state = VersionState(*key, "READY", reason)
            elif key == loading:
                state = VersionState(*key, "LOADING", "it is being verified and warmed")
            elif retiring is not None and key == (retiring.name, retiring.version):
                state = VersionState(*key, "UNLOADING", "it finishes what it has accepted")
            elif key in held:
                state = VersionState(*key, "UNAVAILABLE", "it is kept for streams of its own")
            else:
                reason = versions.reason_not_served(version, model.version if model else None)
                state = VersionState(*key, "UNAVAILABLE", reason)
            states.append(state)
    return states
