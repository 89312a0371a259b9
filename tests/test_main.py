"""What `create_app` wires together. The routes are tested in tests/api."""

from pathlib import Path

from app.api.forecast import PATH, TASK
from app.main import TASK_PATHS, TASKS, create_app
from app.settings import Settings


def test_nothing_is_loaded_before_the_start(tmp_path: Path) -> None:
    app = create_app(Settings(models_dir=tmp_path / "missing"))
    assert app.state.repository.status == "loading"
    assert app.state.lifecycle.in_flight == 0


def test_two_applications_share_nothing(tmp_path: Path) -> None:
    one, other = (create_app(Settings(models_dir=tmp_path)) for _ in range(2))
    assert one.state.repository is not other.state.repository
    assert one.state.lifecycle is not other.state.lifecycle


def test_every_task_has_a_path() -> None:
    assert {task: path for path, task in TASK_PATHS.items()} == {TASK: PATH}
    # Graphs that are asked by their tensors have their paths below /v2, one per model.
    assert set(TASK_PATHS.values()) | {"tensor"} == set(TASKS)
