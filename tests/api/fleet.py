"""Several processes with the doubles, for tests that send signals. Knows no route.

`python -m tests.api.fleet MODELS_DIR` supervises processes of which each calls `main` here.
"""

import sys
from functools import partial
from pathlib import Path

from app.http.workers import worker
from app.http.workers.supervisor import supervise
from app.main import create_app
from app.serving.models.wanted import state_folder
from app.settings import load_settings
from tests.api.doubles import TASKS


def main() -> None:
    """What each process calls."""
    worker.main(partial(create_app, tasks=TASKS))


if __name__ == "__main__":
    known = load_settings(models_dir=Path(sys.argv[1]), log_format="json")
    with state_folder(known.state_dir, known.pinned_versions, temporary=True) as state:
        sys.exit(supervise(known.model_copy(update={"state_dir": state}), "tests.api.fleet"))
