"""What kubectl makes of a kustomization. Needs kubectl, and no cluster."""

import functools
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.deploy.files import ROOT

KUBERNETES: Final = ROOT / "deploy" / "kubernetes"
_KUBECTL: Final = shutil.which("kubectl")


@functools.cache
def built(folder: Path) -> list[dict[str, Any]]:
    """Every manifest, all patches applied. Skips the test where there is no kubectl."""
    if _KUBECTL is None:
        pytest.skip("kubectl is not installed; its `kustomize` resolves the overlays")
    done = subprocess.run(
        [_KUBECTL, "kustomize", str(folder)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


def the(manifests: list[dict[str, Any]], kind: str, name: str = "unroll") -> dict[str, Any]:
    """The one manifest of this kind and name."""
    (found,) = [
        each for each in manifests if (each["kind"], each["metadata"]["name"]) == (kind, name)
    ]
    return found


def container(manifest: dict[str, Any]) -> dict[str, Any]:
    """The one container of a workload."""
    (found,) = manifest["spec"]["template"]["spec"]["containers"]
    assert isinstance(found, dict)
    return found
