"""How long inputs of this process waited for a worker of late. Knows statistics; not Ray."""

from app.serving.models.repository import Repository
from app.serving.scheduling.statistics import statistics_of


class QueueSeconds:
    """The mean wait since it was last read, of the model whose inputs waited longest."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._before: dict[tuple[str, str], tuple[int, float]] = {}

    def read(self) -> float:
        """Seconds; 0 if no input has left a queue since."""
        longest, now = 0.0, {}
        for model in self._repository.loaded():
            key = model.name, model.version
            queue = statistics_of(*key).snapshot().queue
            count, seconds = self._before.get(key, (0, 0.0))
            if queue.count > count:
                longest = max(longest, (queue.seconds - seconds) / (queue.count - count))
            now[key] = queue.count, queue.seconds
        self._before = now
        return longest
