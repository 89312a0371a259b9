"""What is said about an imported graph. Knows words; checks nothing."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Finding:
    """`what` was found, and the `fix` in words that can be acted upon.

    A problem keeps the graph from being imported; a note does not.
    """

    severity: Literal["problem", "note"]
    what: str
    fix: str


def problem(what: str, fix: str) -> Finding:
    """Something that has to be mended first."""
    return Finding("problem", what, fix)


def note(what: str, fix: str = "") -> Finding:
    """Something worth knowing."""
    return Finding("note", what, fix)
