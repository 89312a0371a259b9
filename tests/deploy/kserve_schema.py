"""`python kserve_schema.py FILE...`: the fields of KServe's resources, by its own classes.

Runs in an environment with the packages kserve and PyYAML and without this project. Prints one line
for each field that is unknown or of another type, and exits with 1 if there is any.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kserve
import kubernetes.client
import yaml

KINDS = {
    ("serving.kserve.io/v1alpha1", "ClusterServingRuntime"): "V1alpha1ClusterServingRuntime",
    ("serving.kserve.io/v1beta1", "InferenceService"): "V1beta1InferenceService",
}
PLAIN: dict[str, tuple[type, ...]] = {
    "str": (str,),
    "int": (int,),
    "bool": (bool,),
    "float": (int, float),
}


def class_of(name: str) -> Any:
    """A class by its name, of KServe or of Kubernetes; None for what is any value."""
    for module in (kserve, kserve.models, kubernetes.client):
        if hasattr(module, name):
            return getattr(module, name)
    return None


def wrong(value: Any, kind: str, where: str) -> Iterator[str]:
    """What is wrong with a value that should be of a kind, as the classes write kinds."""
    if found := re.fullmatch(r"list\[(.*)\]", kind):
        if not isinstance(value, list):
            yield f"{where}: no list"
            return
        for place, each in enumerate(value):
            yield from wrong(each, found[1], f"{where}[{place}]")
    elif found := re.fullmatch(r"dict\(str, (.*)\)", kind):
        if not isinstance(value, dict):
            yield f"{where}: no mapping"
            return
        for key, each in value.items():
            yield from wrong(each, found[1], f"{where}.{key}")
    elif kind in PLAIN:
        if not isinstance(value, PLAIN[kind]) or (kind != "bool" and isinstance(value, bool)):
            yield f"{where}: {value!r} is no {kind}"
    elif (known := class_of(kind)) is not None and known.openapi_types:
        if not isinstance(value, dict):
            yield f"{where}: {value!r} is no {kind}"
            return
        names = {written: name for name, written in known.attribute_map.items()}
        for key, each in value.items():
            if key not in names:
                yield f"{where}.{key}: {kind} has no such field"
            else:
                yield from wrong(each, known.openapi_types[names[key]], f"{where}.{key}")


def main() -> int:
    """Check the files."""
    problems: list[str] = []
    for path in map(Path, sys.argv[1:]):
        for document in yaml.safe_load_all(path.read_text(encoding="utf-8")):
            kind = KINDS[document["apiVersion"], document["kind"]]
            problems += wrong(document, kind, document["kind"])
    print("\n".join(problems))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
