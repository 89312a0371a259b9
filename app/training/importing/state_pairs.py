"""Which output of a foreign graph continues which input. Knows names and shapes; tries nothing."""

import re
from collections.abc import Callable, Mapping, Sequence
from itertools import islice, permutations
from typing import Final

from app.serving.runtime.session import TensorSpec
from app.tasks.tensor.features import Tensor, TensorFeatures

# What is taken off a name before a state's input and output are compared: h_in and h_out are both
# h. At the end of a name of two letters the sets hold, too: hx and hy, hn.
_BEFORE: Final = frozenset({"in", "input", "init", "initial", "prev", "previous", "past", "old"})
_AFTER: Final = frozenset(
    {"out", "output", "final", "last", "new", "next", "present", "updated", "n", "y"}
)
# Numbers may count layers (h0, h1 -> h0_out, h1_out), or time (h0 -> hn), which is tried later.
_START: Final = frozenset({"0"})
_END: Final = frozenset({"1"})
_WORDS: Final = re.compile(r"[^A-Za-z0-9]+|(?<=[a-z])(?=[A-Z0-9])")
_LIKE_A_STATE: Final = re.compile(
    r"(.*[^a-z])?([hc]|[hc][0xn]|hidden|cell|states?|carry|cache|mem(ory)?|past)([^a-z].*)?",
    re.IGNORECASE,
)
_FLOATS: Final = ("FP16", "BF16", "FP32", "FP64")
_MOST_ALIKE: Final = 4  # states of one shape whose pairs are tried, 24 ways at most


def pairs_by_name(
    inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec], possible: Callable[..., bool]
) -> dict[str, str]:
    """Inputs and outputs of one type and shape whose names differ by "before" and "after" only.

    Only inputs for which `possible` holds; none if that leaves no other input.
    """
    found: dict[str, str] = {}
    for before, after in ((_BEFORE, _AFTER), (_BEFORE | _START, _AFTER | _END)):
        for spec in inputs:
            stem = _stem(spec.name, before, "x")
            if spec.name in found or not stem or not possible(spec):
                continue
            alike = [
                other.name
                for other in outputs
                if other.name not in found.values()
                and _stem(other.name, after) == stem
                and fit(spec, other)
            ]
            if len(alike) == 1:
                found[spec.name] = alike[0]
    rest = [spec for spec in inputs if spec.name not in found and possible(spec)]
    others = [spec for spec in inputs if not possible(spec)]
    return found if rest or others else {}


def fit(before: TensorSpec, after: TensorSpec) -> bool:
    """Whether two tensors have one type, and no axis in which they must differ."""
    return (
        before.type == after.type
        and len(before.shape) == len(after.shape)
        and all(
            one == other or not (isinstance(one, int) and isinstance(other, int))
            for one, other in zip(before.shape, after.shape, strict=True)
        )
    )


def pairings(features: TensorFeatures, *, by_name: bool) -> list[dict[str, str]]:
    """The ways in which inputs that are no states yet may belong to outputs of their own shape.

    by_name: only inputs with a name as states have them, where nothing can be tried. Every way
    pairs all such inputs; none if there are too many of one shape to try them all.
    """
    taken = set(features.states.values())
    groups: dict[object, tuple[list[str], list[str]]] = {}
    for tensor in features.inputs:
        if (
            tensor.name not in (*features.states, features.lengths)
            and tensor.time_axis is None
            and len(tensor.shape) > 1
            and tensor.datatype in _FLOATS
            and (not by_name or _LIKE_A_STATE.fullmatch(tensor.name))
        ):
            groups.setdefault(_kind(tensor), ([], []))[0].append(tensor.name)
    for tensor in features.outputs:
        if tensor.name not in taken and _kind(tensor) in groups:
            groups[_kind(tensor)][1].append(tensor.name)
    ways: list[dict[str, str]] = [{}]
    for before, after in groups.values():
        if len(after) > _MOST_ALIKE or len(before) > len(after):
            return []
        ways = [
            way | dict(zip(before, chosen, strict=True))
            for way in ways
            for chosen in permutations(after, len(before))
        ]
        ways = list(islice(ways, 100))
    others = [
        tensor.name
        for tensor in features.inputs
        if tensor.name not in (*ways[0], *features.states, features.lengths)
    ]
    return [way for way in ways if way] if others else []


def shown(pairs: Mapping[str, str]) -> str:
    """The options that tell these pairs."""
    return " ".join(f"--state {before}={after}" for before, after in pairs.items())


def _kind(tensor: Tensor) -> object:
    return tensor.datatype, tensor.shape, tensor.batch_axis


def _stem(name: str, marks: frozenset[str], more: str = "") -> str:
    """`initial_h`, `h_0`, `h0` and `h.in` are `h`; `Y_h`, `h_n`, `hn` and `h.out` are, too."""
    words = [word.lower() for word in _WORDS.split(name) if word]
    kept = [word for word in words if word not in marks]
    if len(kept) == 1 and len(kept[0]) == 2 and (kept[0][1] in marks or kept[0][1] in more):
        kept = [kept[0][0]]  # hn, hx
    return " ".join(kept)
