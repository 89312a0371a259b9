"""The sizes of a queue and of its batches. Knows numbers only."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SchedulerOptions:
    """How much may wait, and how much is computed together."""

    # Examples in one batch; of a stepping task, examples that begin together.
    max_batch_size: int = 8
    # Entries in the queue.
    max_queue_size: int = 4096
    # Seconds of work in the queue for each worker; None for no limit.
    max_queue_seconds: float | None = None
    # Rows times longest length of one batch, padding included.
    max_batch_steps: int = 20_000
    # Rows in one step of a stepping task; an example with more rows has its steps to itself.
    max_step_rows: int = 32

    def __post_init__(self) -> None:
        """Check the sizes.

        Raises:
            ValueError: a size is below 1.
        """
        if min(self.max_batch_size, self.max_queue_size, self.max_step_rows) < 1:
            raise ValueError("max_batch_size, max_queue_size and max_step_rows must be at least 1")
