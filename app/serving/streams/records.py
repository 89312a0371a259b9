"""What is kept of one stream. Knows bytes and positions; not what a state means."""

import secrets
import time
from dataclasses import dataclass, replace
from typing import Final, Literal, NamedTuple, TypeAlias

Policy: TypeAlias = Literal["pin", "replay", "refuse"]
POLICIES: Final[tuple[Policy, ...]] = ("pin", "replay", "refuse")

# A stream is kept for this much longer than it must be, so that its time in the index of a store
# need not change with every step.
_GRACE: Final = 0.05


class Key(NamedTuple):
    """Whose stream, and its name. owner: "" where there are no API keys."""

    owner: str
    name: str


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to the last request that took steps, kept in case it got lost on the way.

    start: the position before the steps. count: how many. digest: of the steps. version: which
    computed it. content: what was answered.
    """

    start: int
    count: int
    digest: bytes
    version: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Kept:
    """Inputs of one request that are kept, so that another version can be fed with them.

    start: the position before these steps. content: the arrays, packed.
    """

    start: int
    count: int
    content: bytes


@dataclass(frozen=True, slots=True)
class Record:
    """One stream. Times are seconds since 1970.

    token: drawn when the stream is made or its state is set from outside; together with the
    position it names one state. model: as it was asked for, `name` or `name.graph`. digest: of the
    graph's file. expires: not before that time.
    """

    token: int
    model: str
    version: str
    digest: str
    policy: Policy
    ttl: float
    created: float
    expires: float
    position: int
    state: bytes
    answer: Answer | None = None

    @property
    def size(self) -> int:
        """Bytes of what grows with the network and with what is asked."""
        return len(self.state) + (len(self.answer.content) if self.answer is not None else 0)

    def touched(self, now: float) -> float:
        """When it expires if it is used now; the same as before for most calls."""
        least = now + self.ttl
        return self.expires if self.expires >= least else least + _GRACE * self.ttl

    def moved(self, **changes: object) -> "Record":
        """The same stream with a state that does not follow from this one by steps."""
        return replace(self, token=new_token(), **changes)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Listed:
    """What a list of streams tells of each."""

    name: str
    model: str
    version: str
    policy: Policy
    ttl: float
    created: float
    expires: float
    position: int


def new_token() -> int:
    """A number that no other state has."""
    return secrets.randbits(62)


def now() -> float:
    """Seconds since 1970: several processes and machines read the same times."""
    return time.time()
