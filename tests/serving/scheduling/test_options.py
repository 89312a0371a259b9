"""Sizes that make no sense are refused."""

from typing import Any

import pytest

from app.serving.scheduling.options import SchedulerOptions


@pytest.mark.parametrize(
    "wrong", [{"max_batch_size": 0}, {"max_queue_size": 0}, {"max_step_rows": 0}]
)
def test_sizes_are_at_least_one(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        SchedulerOptions(**wrong)
