"""The house rules that a machine can check: who imports whom, sizes, first lines, no torch."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "app"
MODULES = sorted(PACKAGE.rglob("*.py"))
SOURCES = [
    path
    for folder in ("app", "client", "tests", "benchmarks", "deploy", "docs")
    for path in sorted((ROOT / folder).rglob("*.py"))
]
MAX_LINES = 300

LEAVES = {"errors", "settings", "telemetry"}
# What each part may import besides itself. A part is a module or a folder right below app/.
MAY_IMPORT = {
    "errors": set[str](),
    "folders": set[str](),
    "settings": {"errors", "folders"},
    "environment": {"settings"},
    "remote": {"errors"},
    "telemetry": {"errors"},
    "features": {"errors"},
    "serving": LEAVES,
    "tasks": LEAVES | {"features", "serving"},
    "training": LEAVES | {"features", "remote", "serving", "tasks"},
    "api": LEAVES | {"tasks", "serving"},
    "main": LEAVES | {"api", "tasks", "serving"},
    "http": LEAVES | {"api", "main"},
    "ray": LEAVES | {"api", "http", "main", "serving"},
    "cli": LEAVES
    | {"environment", "features", "http", "main", "remote", "serving", "tasks", "training"},
    "__main__": {"cli"},
    "__init__": set[str](),
}
TRAINING_ONLY = {
    "ai_edge_litert",
    "flatbuffers",
    "matplotlib",
    "onnx",
    "sacrebleu",
    "scipy",
    "sklearn",
    "statsforecast",
    "torch",
}
# Of those, what the service can have besides, and the one module that imports it when it is asked.
OPTIONAL = {("app.tasks.forecast.autoets", "statsforecast")}
WEB = {"fastapi", "starlette", "uvicorn"}


def part_of(module: str) -> str:
    """`app.serving.runtime.session` -> `serving`."""
    return [*module.split("."), "__init__"][1]


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 2 else parts)


def imports(tree: ast.AST) -> Iterator[str]:
    """Every module that is imported anywhere in `tree`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "no relative imports"
            assert node.module is not None
            if node.module == "app":
                yield from (f"app.{alias.name}" for alias in node.names)
            else:
                yield node.module


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_run_one_way(path: Path) -> None:
    part = part_of(name_of(path))
    allowed = MAY_IMPORT[part] | {part}
    for module in imports(parsed(path)):
        top = module.split(".")[0]
        if top == "app":
            target = part_of(module)
            assert target in allowed, module
        if part != "training" and (name_of(path), top) not in OPTIONAL:
            assert top not in TRAINING_ONLY, module
        if part not in {"api", "http", "main", "ray"}:
            assert top not in WEB, module


def test_the_command_line_imports_lazily() -> None:
    def at_import(body: list[ast.stmt]) -> Iterator[str]:
        for node in body:
            if isinstance(node, ast.Import | ast.ImportFrom):
                yield from imports(node)

    heavy = (
        "app.main",
        "app.http.",
        "app.serving.",
        "app.tasks.",
        "app.training.",
        "unroll_client",
    )
    for file in (PACKAGE / "__main__.py", *(PACKAGE / "cli").glob("*.py")):
        for module in at_import(parsed(file).body):
            assert not module.startswith(heavy), (file, module)


def test_there_are_no_circles() -> None:
    graph = {
        name_of(path): {m for m in imports(parsed(path)) if m.startswith("app.")}
        for path in MODULES
    }
    done: set[str] = set()

    def visit(module: str, way: tuple[str, ...]) -> None:
        assert module not in way, " -> ".join((*way, module))
        if module in graph and module not in done:
            for target in graph[module]:
                visit(target, (*way, module))
            done.add(module)

    for module in graph:
        visit(module, ())


def test_the_service_runs_without_torch() -> None:
    code = (
        "import sys, app.main, app.http.server, app.__main__\n"
        f"print(sorted({TRAINING_ONLY!r} & set(sys.modules)))\n"
        "print([name for name in sys.modules if name.startswith('app.training.')])"
    )
    output = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert output.split() == ["[]", "[]"]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_are_short(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) < MAX_LINES


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_says_what_it_knows(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    if path.name == "__init__.py" and not text:
        return
    docstring = ast.get_docstring(parsed(path)) or ""
    assert docstring, "no docstring"
    assert docstring.splitlines()[0].endswith((".", ":", ",")) or len(docstring.splitlines()) > 1


def test_the_page_names_every_file() -> None:
    tree = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8").split("```")[1]
    folders: list[str] = []
    named = []
    for indent, name in re.findall(r"^( *)(\w+/|\w+\.py) ?", tree, flags=re.MULTILINE):
        folders[len(indent) // 2 :] = [name]
        if name.endswith(".py"):
            named.append("".join(folders))
    files = [str(each.relative_to(ROOT)) for each in MODULES if each.name != "__init__.py"]
    assert sorted(named) == sorted(files)


def test_no_module_reads_the_environment() -> None:
    for path in MODULES:
        # The package sets one variable for ONNX Runtime before anything can import it.
        if name_of(path) not in {"app.folders", "app.settings", "app.environment", "app.__init__"}:
            assert not re.search(r"os\.environ|getenv", path.read_text(encoding="utf-8")), path
