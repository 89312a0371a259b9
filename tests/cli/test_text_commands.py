"""The commands of the text tasks, against a small real server whose answers are known."""

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.telemetry import log
from tests.api.authors import write_authors
from tests.captioner import write_captioner
from tests.cli.test_cli import run
from tests.keywords import KeywordServer, keyword_server, write_tweets
from tests.translator import write_translator
from tests.writer import write_writer

# Each writes version 1 of a model of that name.
WRITERS: dict[str, Callable[[Path], object]] = {
    "authorship": write_authors,
    "caption": write_captioner,
    "generate": write_writer,
    "translate": write_translator,
}


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Path]:
    write_tweets(tmp_path / "data")
    yield tmp_path / "data"
    log.configure("json", "WARNING", io.StringIO())  # as the other tests have it


@pytest.fixture
def server() -> Iterator[KeywordServer]:
    with keyword_server() as one:
        yield one


def test_sentiment_is_scored_beside_baselines(server: KeywordServer, data: Path) -> None:
    arguments = ("evaluate", "sentiment", "--data", str(data), "--url", server.url)
    code, out, _ = run(*arguments, "--json")
    assert code == 0
    rows = json.loads(out)
    assert [row["method"] for row in rows[:3]] == ["sentiment/7", "most frequent", "naive Bayes"]
    assert rows[0]["accuracy"] > rows[1]["accuracy"]
    assert {row["part"] for row in rows} == {"report"}

    code, out, _ = run(*arguments, "--part", "select", "--limit", "9", "--baselines", "none")
    assert code == 0
    assert "sentiment/7" in out
    assert ", select (" in out
    assert "airline (9)" in out

    code, out, _ = run(*arguments)
    assert code == 0
    assert max(map(len, out.splitlines())) <= 80
    assert "over naive Bayes" in out
    assert "…" not in out


def test_a_version_that_has_learned_the_texts_is_not_scored(
    server: KeywordServer, data: Path
) -> None:
    arguments = ("evaluate", "sentiment", "--data", str(data), "--url", server.url)
    code, out, err = run(*arguments, "--version", "8", "--part", "select")
    assert (code, out) == (1, "")
    assert err.startswith("sentiment/8 has learned these texts")
    assert err.endswith("--version 7\n")
    assert not server.requests


def test_only_whole_reports_are_recorded(server: KeywordServer, data: Path) -> None:
    for wrong in (("--limit", "9"), ("--part", "select")):
        code, out, err = run(
            "evaluate", "sentiment", "--data", str(data), "--url", server.url, "--record", *wrong
        )
        assert (code, out, err) == (2, "", "--record is for all texts of the part report\n")
    assert not server.requests


def test_open_weights_begin_with_nothing_and_are_no_refit(tmp_path: Path) -> None:
    for wrong in (("--refit",), ("--start", str(tmp_path))):
        command = ("train", "sentiment", "--data", str(tmp_path), "--out", str(tmp_path), "--open")
        code, out, err = run(*command, *wrong)
        told = "--open is for training from nothing, without --start and --refit\n"
        assert (code, out, err) == (2, "", told)
    code, _, err = run(*command)
    assert code == 2
    assert err.endswith("translation/eng-fra.tsv.gz\n")  # and no set of tweets or reviews


def test_a_folder_without_texts_is_one_line(tmp_path: Path) -> None:
    try:
        code, _, err = run("evaluate", "sentiment", "--data", str(tmp_path))
    finally:
        log.configure("json", "WARNING", io.StringIO())
    assert code == 2
    assert err.startswith(f"no labelled texts in {tmp_path}")
    assert err.count("\n") == 1


@pytest.mark.parametrize("task", ["authorship", "caption", "generate", "translate"])
def test_the_version_that_is_named_is_scored(task: str, tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text("a text to read from " * 100, encoding="utf-8")
    models = tmp_path / "models"
    WRITERS[task](models)
    data = text if task == "generate" else tmp_path
    arguments = ("evaluate", task, "--data", str(data), "--models-dir", str(models))
    code, _, err = run(*arguments, "--version", "9")
    assert code != 0
    assert "9" in err
    assert "version" in err or f"{task!r} 9" in err
    _, _, served = run(*arguments)
    assert served != err  # version 1 is there
