"""Knows which experiments there are, by name.

To add one: a file with a function that takes `Report` and returns a `Finding`, and one line here.
"""

from collections.abc import Callable
from typing import Final

from app.training.study.architectures import architectures
from app.training.study.attention import attention
from app.training.study.copying import copying
from app.training.study.finding import Finding, Report
from app.training.study.from_scratch import from_scratch
from app.training.study.gradients import gradients
from app.training.study.memory import memory
from app.training.study.parameters import parameters
from app.training.study.sentiment import sentiment
from app.training.study.stateful import stateful
from app.training.study.trend_season import trend_season
from app.training.study.waves import waves

STUDIES: Final[dict[str, Callable[[Report], Finding]]] = {
    "parameters": parameters,
    "gradients": gradients,
    "stateful": stateful,
    "from-scratch": from_scratch,
    "waves": waves,
    "trend-season": trend_season,
    "architectures": architectures,
    "sentiment": sentiment,
    "attention": attention,
    "copy": copying,
    "memory": memory,
}
