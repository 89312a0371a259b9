"""Scales on which a regression is fitted, and the way back. Knows one array of values."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_FAR = 30.0  # on a scale of logarithms or their like
_SAFE = 0.02  # of the mean: above it a value has a logarithm that is no outlier


@dataclass(frozen=True)
class Domain:
    """`apply` maps values to the scale, `invert` back; both increase and keep shapes."""

    name: str
    apply: Callable[[Array], Array]
    invert: Callable[[Array], Array]


def domains_of(values: Array) -> list[Domain]:
    """The scales that suit `values` (time,): as they are, and where they differ the inverse
    hyperbolic sine, which is a logarithm far from the middle and for both signs, and logarithms.

    As in Uniejewski, Weron and Ziel (2018), "Variance stabilizing transformations for
    electricity spot price forecasting", IEEE Transactions on Power Systems 33(2).
    """
    middle = float(np.median(values))
    spread = 1.4826 * float(np.median(np.abs(values - middle))) or float(values.std())
    found = [Domain("values", lambda x: x, lambda z: z)]
    if spread > 0:
        found.append(
            Domain(
                "asinh",
                lambda x: np.arcsinh((x - middle) / spread),
                lambda z: np.sinh(np.clip(z, -_FAR, _FAR)) * spread + middle,
            )
        )
    if values.min() > _SAFE * np.abs(values).mean():
        top = float(np.log(values.max()))
        found.append(
            Domain(
                "log",
                lambda x: np.log(np.maximum(x, 1e-300)),
                lambda z: np.exp(np.clip(z, top - _FAR, top + np.log(1000.0))),
            )
        )
    return found
