"""The hierarchy in the docstring is the one in the code."""

import inspect
import re

from app import errors


def test_every_error_is_drawn_in_the_docstring() -> None:
    drawn = re.findall(r"-- (\w+)", errors.__doc__ or "")
    defined = [
        name
        for name, value in vars(errors).items()
        if inspect.isclass(value) and issubclass(value, Exception)
    ]
    assert drawn == defined


def test_every_error_carries_its_message() -> None:
    error = errors.InvalidInput("wrong", field="series[3]", allowed="a number")
    assert (str(error), error.message) == ("wrong", "wrong")
    assert (error.field, error.allowed) == ("series[3]", "a number")
    assert errors.QueueFull("full", retry_after=2.5).retry_after == 2.5
    assert isinstance(error, errors.UnrollError)
