"""Whatever happens to a repository, in any order: every request gets a right answer."""

import random
import shutil
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.errors import ModelNotFound, ModelRefused, NotReady
from app.serving.models.repository import Repository
from tests.doubles import mean_graph, write_biased
from tests.serving.models.life import PATIENCE, ask, serving

STEPS = 60
# What may be said to an operator or a client; anything else is a bug.
EXPECTED = (ModelNotFound, ModelRefused, NotReady)


class Disk:
    """Publishes, copies, damages and deletes versions; a version's number is its bias."""

    def __init__(self, root: Path, work: Path, chance: random.Random) -> None:
        self.root = root
        self._work = work
        self._chance = chance
        self.newest = 0

    def publish(self) -> None:
        version = self._next()
        folder = write_biased(self._work, version, float(version))
        (self.root / "mean").mkdir(parents=True, exist_ok=True)
        folder.rename(self.root / "mean" / version)

    def copy_some(self) -> None:
        """A copy that stops somewhere: a file short of its end, another not there at all."""
        version = self._next()
        source = write_biased(self._work, version, float(version))
        target = self.root / "mean" / version
        target.mkdir(parents=True)
        for file in list(source.iterdir())[: self._chance.randrange(4)]:
            content = file.read_bytes()
            (target / file.name).write_bytes(content[: self._chance.choice([1, len(content)])])

    def damage(self) -> None:
        for folder in self._one():
            (folder / "model.onnx").write_bytes(
                self._chance.choice([b"", b"no graph", mean_graph(bias=99.0)])
            )

    def delete(self) -> None:
        for folder in self._one():
            shutil.rmtree(folder)

    def delete_all(self) -> None:
        shutil.rmtree(self.root / "mean", ignore_errors=True)

    def _next(self) -> str:
        self.newest += 1
        return str(self.newest)

    def _one(self) -> list[Path]:
        folders = sorted(self.root.glob("mean/*"))
        return self._chance.sample(folders, 1) if folders else []


def operations(
    repository: Repository, disk: Disk, chance: random.Random
) -> list[Callable[[], object]]:
    def load_one() -> None:
        repository.load("mean", str(chance.randint(1, 20)))

    reading = [repository.index, repository.refused, repository.loaded]
    changes = [disk.publish, disk.publish, disk.copy_some, disk.damage, disk.delete]
    return [
        *(changes * 2),
        disk.delete_all,
        *([repository.refresh] * 6),
        *([lambda: repository.load("mean")] * 3),
        load_one,
        load_one,
        lambda: repository.unload("mean"),
        *reading,
    ]


@pytest.mark.parametrize("seed", range(3))
def test_any_order(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    disk = Disk(tmp_path / "models", tmp_path / "work", chance)
    disk.publish()
    enough = threading.Event()

    def client(repository: Repository) -> int:
        answered = 0
        while not enough.is_set():
            try:
                model = repository.lease("mean")
            except (ModelNotFound, NotReady):
                enough.wait(0.001)
                continue
            try:
                assert ask(model, [1.0, 3.0]) == 2.0 + float(model.version)
                answered += 1
            finally:
                model.leases.give_back()
        return answered

    with serving(disk.root) as repository, ThreadPoolExecutor(2) as pool:
        clients = [pool.submit(client, repository) for _ in range(2)]
        try:
            possible = operations(repository, disk, chance)
            for _ in range(STEPS):
                try:
                    chance.choice(possible)()
                except EXPECTED:
                    continue
        finally:
            enough.set()
        assert sum(each.result(PATIENCE) for each in clients) > 0
        disk.publish()
        assert repository.load("mean").version == str(disk.newest)
    assert [each for each in threading.enumerate() if each.name.startswith("mean-")] == []
