"""deploy/ray agrees with the deployment in the code, and with Prometheus."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest

from tests.deploy.files import ROOT, load_yaml

FOLDER: Final = ROOT / "deploy" / "ray"
# Ray itself warns: of pydantic, of processes and sockets that it leaves to the system.
pytestmark = pytest.mark.filterwarnings("ignore")


def test_the_file_says_what_serve_build_says(tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'unroll[ray]'")
    from ray.serve.schema import ServeDeploySchema

    from app.ray.deployment import build

    ours = load_yaml(FOLDER / "serve.yaml")
    ServeDeploySchema.model_validate(ours)
    command = Path(sys.executable).with_name("serve")
    built = tmp_path / "built.yaml"
    subprocess.run(
        [command, "build", "app.ray.deployment:application", "-o", built], cwd=ROOT, check=True
    )
    (mine,), (its,) = (each["applications"] for each in (ours, load_yaml(built)))
    assert mine["import_path"] == "app.ray.deployment:build"
    assert build(mine["args"])
    (deployment,), (known,) = mine["deployments"], its["deployments"]
    assert agrees(deployment, known), (deployment, known)


def agrees(mine: Any, other: Any) -> bool:
    """Whether everything that is said here is said there, too."""
    if isinstance(mine, dict):
        return all(key in other and agrees(each, other[key]) for key, each in mine.items())
    return bool(mine == other)


def test_nothing_else_imports_ray() -> None:
    code = "import sys, app.main, app.http.server, app.__main__; print('ray' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_prometheus_takes_its_configuration() -> None:
    subprocess.run(["promtool", "check", "config", FOLDER / "prometheus.yml"], check=True)
