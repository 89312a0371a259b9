"""The command line: help that reads well, errors in one line, the table of models."""

import io
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from app.cli.commands import cli
from app.telemetry import log
from tests.api.doubles import write_version

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = (
    (),
    ("serve",),
    ("models",),
    ("promote",),
    ("predict",),
    ("predict", "sentiment"),
    ("predict", "classify"),
    ("predict", "authorship"),
    ("predict", "caption"),
    ("predict", "forecast"),
    ("predict", "translate"),
    ("predict", "generate"),
    ("predict", "stream"),
    ("import",),
    ("train",),
    ("train", "forecast"),
    ("train", "forecast-waves"),
    ("train", "forecast-stream"),
    ("train", "sentiment"),
    ("train", "classifier"),
    ("train", "authorship"),
    ("train", "caption"),
    ("train", "caption-confidence"),
    ("train", "encoder"),
    ("train", "translate"),
    ("train", "generate"),
    ("study",),
    ("evaluate",),
    ("evaluate", "forecast"),
    ("evaluate", "forecast-waves"),
    ("evaluate", "forecast-stream"),
    ("predict", "anomalies"),
    ("evaluate", "sentiment"),
    ("evaluate", "classifier"),
    ("evaluate", "authorship"),
    ("evaluate", "caption"),
    ("evaluate", "translate"),
    ("evaluate", "generate"),
)


def run(*arguments: str, **environment: str) -> tuple[int, str, str]:
    """(exit code, standard output, standard error) of `unroll` with these arguments."""
    # Wide enough that no path in a message is broken over two lines.
    result = CliRunner().invoke(cli, arguments, env={"COLUMNS": "80"} | environment)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_fits_a_terminal(command: tuple[str, ...]) -> None:
    code, out, err = run(*command, "--help")
    assert (code, err) == (0, "")
    assert max(map(len, out.splitlines())) <= 80
    assert "Usage: " in out
    for line in out.splitlines():  # every option says what it is for
        if line.startswith("│") and " --" in line[:8]:
            assert len(line.split()) >= 4, line


def test_every_command_is_among_them() -> None:
    def commands(app: typer.Typer, before: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
        yield before
        for command in app.registered_commands:
            assert command.name is not None
            yield (*before, command.name)
        for group in app.registered_groups:
            assert group.name is not None
            assert group.typer_instance is not None
            yield from commands(group.typer_instance, (*before, group.name))

    assert set(COMMANDS) == set(commands(cli))


def test_help_swallows_nothing_as_markup() -> None:
    """What stands in brackets is markup to some versions of typer, and not to others."""
    groups = [cli, *(each.typer_instance for each in cli.registered_groups)]
    for group in groups:
        assert group is not None
        for command in group.registered_commands:
            assert command.callback is not None
            assert "[" not in (command.callback.__doc__ or ""), command.name
    assert "extra" in run("train", "encoder", "--help")[1]


@pytest.mark.parametrize("command", [(), ("predict",), ("train",), ("evaluate",)])
def test_without_a_command_there_is_help(command: tuple[str, ...]) -> None:
    _, out, err = run(*command)
    assert "Usage: " in out + err


def test_the_module_is_the_same_program() -> None:
    environment = os.environ | {"COLUMNS": "80", "TERM": "dumb"}
    script = Path(sys.executable).parent / "unroll"
    outputs = [
        subprocess.run(
            [*command, "--help"], env=environment, cwd=ROOT, capture_output=True, check=True
        ).stdout
        for command in ([sys.executable, "-m", "app"], [str(script)])
    ]
    assert outputs[0] == outputs[1]


def test_version() -> None:
    code, out, _ = run("--version")
    assert code == 0
    assert out.startswith("unroll 0.")


def test_a_wrong_setting_is_one_line(tmp_path: Path) -> None:
    code, out, err = run("serve", "--models-dir", str(tmp_path), UNROLL_MAX_POINTS="abc")
    assert (code, out) == (2, "")
    assert err.startswith("UNROLL_MAX_POINTS: ")
    assert err.endswith("(got 'abc')\n")
    assert err.count("\n") == 1


def test_keys_that_cannot_be_read_stop_the_start(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    try:
        code, out, err = run("serve", "--models-dir", str(tmp_path), UNROLL_API_KEYS_FILE=str(file))
    finally:
        log.configure("json", "WARNING", io.StringIO())  # as the other tests have it
    assert (code, out) == (2, "")
    assert err == f"UNROLL_API_KEYS_FILE: No such file or directory (got '{file}')\n"


def test_an_option_wins_over_the_environment(tmp_path: Path) -> None:
    code, _, err = run("serve", "--models-dir", str(tmp_path / "none"), UNROLL_MODELS_DIR="/")
    assert code == 2
    folder = f"UNROLL_MODELS_DIR: there is no such folder (got '{tmp_path / 'none'}')"
    assert err == (
        f"{folder}; name the folder models/ of a checkout of Unroll, or publish a network there: "
        "unroll import network.onnx --name mine\n"
    )


def test_models(tmp_path: Path) -> None:
    write_version(tmp_path, "forecast", "1")
    write_version(tmp_path, "forecast", "2")
    write_version(tmp_path, "forecast", "10")
    broken = write_version(tmp_path, "waves", "1")
    (broken / "README.md").unlink()
    (tmp_path / ".tmp-1").mkdir()
    (tmp_path / "waves" / "2").mkdir()
    code, out, _ = run("models", "--models-dir", str(tmp_path), COLUMNS="200")
    assert code == 0
    rows = [re.split(r"\s{2,}", line.strip()) for line in out.splitlines()[2:]]
    table = {(row[0], row[1]): row[-1] for row in rows}
    assert table == {
        ("forecast", "10"): "yes",
        ("forecast", "2"): "no",
        ("forecast", "1"): "no",
        ("waves", "2"): "refused: there is no manifest.json",
        ("waves", "1"): "refused: README.md is missing",
    }
    assert "1,234" in out


def test_models_with_a_pin(tmp_path: Path) -> None:
    write_version(tmp_path, "forecast", "1")
    write_version(tmp_path, "forecast", "2")
    pins = '{"forecast": "1"}'
    _, out, _ = run("models", "--models-dir", str(tmp_path), UNROLL_PINNED_VERSIONS=pins)
    answers = [line.split()[-1] for line in out.splitlines() if line.startswith("forecast")]
    assert answers == ["no", "yes"]


@pytest.mark.parametrize("width", [60, 80])
def test_no_name_of_a_model_is_cut(tmp_path: Path, width: int) -> None:
    for name in ("authorship-of-newspapers-2", "authorship-of-newspapers-3"):
        write_version(tmp_path, name, "1")
    _, out, _ = run("models", "--models-dir", str(tmp_path), COLUMNS=str(width))
    assert max(map(len, out.splitlines())) <= width
    for name in ("authorship-of-newspapers-2", "authorship-of-newspapers-3"):
        assert name in out
    assert "…" not in out


def test_an_empty_repository(tmp_path: Path) -> None:
    code, out, _ = run("models", "--models-dir", str(tmp_path), COLUMNS="200")
    assert code == 0
    assert out == f"{tmp_path} holds no model.\n"


@pytest.mark.parametrize("command", ["train", "evaluate"])
def test_training_packages_that_are_missing(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "rich.console", None)
    for name in [name for name in sys.modules if name.startswith("app.training.")]:
        monkeypatch.delitem(sys.modules, name)
    for missing in ("torch", "statsforecast"):
        monkeypatch.setitem(sys.modules, missing, None)
    code, _, err = run(command, "forecast", "--data", str(tmp_path))
    assert code == 1
    assert "pip install -e '.[train]'" in err
    assert err.count("\n") == 1
