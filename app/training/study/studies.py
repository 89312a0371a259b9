"""Knows which experiments there are, by name.

To add one: a file with a function that takes `Report` and returns a `Finding`, and one line here.
"""

from collections.abc import Callable
from typing import Final

from app.training.study.finding import Finding, Report
from app.training.study.from_scratch import from_scratch
from app.training.study.gradients import gradients
from app.training.study.parameters import parameters

STUDIES: Final[dict[str, Callable[[Report], Finding]]] = {
    "parameters": parameters,
    "gradients": gradients,
    "from-scratch": from_scratch,
}
