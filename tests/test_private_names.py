"""Nobody uses a name that begins with one underscore outside the file that defines it.

Such names of other packages change without notice, and those of our own say that a test or a
caller knows more than it should. A class may use what its base class defines in a file of ours.
"""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parents[1]
FOLDERS: Final = ("app", "client", "tests", "benchmarks", "docs", "deploy")

# Names that are documented in spite of their underscore: of `os` and of named tuples.
PUBLIC: Final = frozenset({"_exit", "_asdict", "_fields", "_make", "_replace"})
# Functions that take the name of an attribute as a string.
BY_STRING: Final = frozenset({"getattr", "hasattr", "setattr", "delattr", "attrgetter", "patch"})


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name not in {"_", *PUBLIC}


def defined(tree: ast.AST) -> set[str]:
    """Private names that a file gives to something: functions, classes, variables, attributes."""
    names = set()
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                names.add(name)
            case ast.ClassDef(name=name) | ast.arg(arg=name):
                names.add(name)
            case ast.Name(id=name, ctx=ast.Store()):
                names.add(name)
            case ast.Attribute(attr=name, value=ast.Name(id="self" | "cls"), ctx=ast.Store()):
                names.add(name)
    return names


def used(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """(line, name) of every private name that is imported, or asked of an object."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=aliases):
                parts = [part for alias in aliases for part in alias.name.split(".")]
            case ast.ImportFrom(module=module, names=aliases):
                parts = [*(module or "").split("."), *(alias.name for alias in aliases)]
            case ast.Attribute(attr=name):
                parts = [name]
            case ast.Call(func=ast.Name(id=function) | ast.Attribute(attr=function), args=args):
                strings = [each.value for each in args if isinstance(each, ast.Constant)]
                parts = [
                    part
                    for text in strings
                    if function in BY_STRING and isinstance(text, str)
                    for part in text.split(".")
                ]
            case _:
                continue
        yield from ((node.lineno, part) for part in parts if is_private(part))


def inherited(tree: ast.AST) -> set[str]:
    """The private names of the files of our own whose classes this file derives others from."""
    files = {
        alias.asname or alias.name: _file_of(node.module)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            for base in (ast.unparse(each).partition("[")[0] for each in node.bases):
                if base in files and files[base].is_file():
                    above = ast.parse(files[base].read_text(encoding="utf-8"))
                    names |= defined(above) | inherited(above)
    return names


def _file_of(module: str) -> Path:
    folder = ROOT / "client" if module.startswith("unroll_client") else ROOT
    return folder / (module.replace(".", "/") + ".py")


def foreign(source: str) -> list[tuple[int, str]]:
    """(line, name) of private names that the file uses, and neither defines nor inherits."""
    tree = ast.parse(source)
    own = defined(tree) | inherited(tree)
    return [(line, name) for line, name in used(tree) if name not in own]


def test_no_private_name_leaves_its_file() -> None:
    found: dict[str, set[str]] = {}
    places = []
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            file = path.relative_to(ROOT).as_posix()
            for line, name in foreign(path.read_text(encoding="utf-8")):
                found.setdefault(file, set()).add(name)
                places.append(f"{file}:{line}: {name}")
    assert not found, "\n".join(["every place:", *places])


@pytest.mark.parametrize(
    "source",
    [
        "import asyncio._private",
        "from uvicorn._types import ASGI3Application",
        "from app.api.dependencies import _settings",
        "counter._value.get()",
        "model.session._model_bytes = None",
        "class Connection(H11Protocol):\n    def pause(self):\n        self._unset_keepalive()",
        "getattr(counter, '_value')",
        "monkeypatch.setattr('app.api.gate._HEADS', 2)",
        "monkeypatch.setattr(gate, '_HEADS', 2)",
    ],
)
def test_what_is_found(source: str) -> None:
    assert foreign(source)


@pytest.mark.parametrize(
    "source",
    [
        "from __future__ import annotations",
        "from app.serving.scheduling.base import QueuedScheduler\n"
        "class A(QueuedScheduler[E, P]):\n    def b(self):\n        self._queue.close()",
        "class A:\n    def __init__(self):\n        self._a = 1\n    def b(self, other):\n"
        "        return self._a + other._a",
        "_cache = {}\ndef f():\n    return _cache",
        "os._exit(1); row._replace(a=1); kind.__name__",
        "print('_value')",
    ],
)
def test_what_is_not_found(source: str) -> None:
    assert not foreign(source)
