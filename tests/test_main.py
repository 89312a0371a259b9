"""What `create_app` wires together. The routes are tested in tests/api."""

import pkgutil
from importlib import import_module
from pathlib import Path

from app.api import routes
from app.main import TASK_PATHS, TASKS, create_app
from app.settings import Settings


def test_nothing_is_loaded_before_the_start(tmp_path: Path) -> None:
    app = create_app(Settings(models_dir=tmp_path / "missing"))
    assert app.services.repository.status == "loading"
    assert app.services.lifecycle.in_flight == 0


def test_two_applications_share_nothing(tmp_path: Path) -> None:
    one, other = (create_app(Settings(models_dir=tmp_path)) for _ in range(2))
    assert one.services.repository is not other.services.repository
    assert one.services.lifecycle is not other.services.lifecycle


def test_every_task_has_a_path() -> None:
    names = [each.name for each in pkgutil.iter_modules(routes.__path__, "app.api.routes.")]
    found = [each for each in map(import_module, names) if hasattr(each, "TASK")]
    assert {each.PATH: each.TASK for each in found} == TASK_PATHS
    assert set(TASKS) - {"tensor"} == set(TASK_PATHS.values())  # that one is asked under /v2
    assert all(path == f"/{task}" for path, task in TASK_PATHS.items())
