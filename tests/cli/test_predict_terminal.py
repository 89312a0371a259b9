"""`unroll predict` in a narrow terminal, and where it asks."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.authors import write_authors
from tests.api.service import Service, running
from tests.classifier import write_classifier
from tests.cli.test_predict import FEDERALIST, TASKS, run
from tests.client.servers import free_address


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    root = tmp_path_factory.mktemp("models")
    write_classifier(root)
    write_authors(root)
    with running(root, tasks=TASKS) as one:
        yield one


@pytest.fixture
def url(service: Service) -> str:
    return str(service.http.base_url)


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_in_a_narrow_terminal_every_answer_names_its_file(
    url: str, tmp_path: Path, width: int
) -> None:
    """Letters stand in words, words on lines, and an answer below the file that it is of."""
    files = [tmp_path / name for name in ("federalist-10.txt", "federalist-62.txt")]
    for file in files:
        file.write_text(FEDERALIST)
    arguments = ("authorship", *map(str, files), "--evidence", "--url", url)
    code, out, _ = run(*arguments, COLUMNS=str(width))
    assert code == 0
    lines = out.splitlines()
    assert max(map(len, lines)) <= width
    plain = "".join(line.strip() for line in lines)
    for file in files:
        assert plain.count(str(file)) == 2, "once with its answer, once with its evidence"
    assert plain.count("Hamilton") >= 2
    for word in ("Madison", "33.3"):
        assert any(word in line for line in lines), f"{word} is broken"
    assert not [line for line in lines if len(line.strip()) == 1], "a letter a line"


def test_a_long_text_is_cut_and_short_ones_stand_in_a_table(url: str) -> None:
    _, out, _ = run("sentiment", "good " * 100, "bad", "--url", url, COLUMNS="80")
    assert max(map(len, out.splitlines())) <= 80
    assert "…" in out
    head, *_ = out.splitlines()
    assert head.split() == ["text", "label", "negative", "neutral", "positive", "tokens", "unknown"]


def test_the_address_comes_from_the_environment(service: Service) -> None:
    port = str(service.port)
    answers = [
        run("sentiment", "good", UNROLL_URL=f"http://127.0.0.1:{port}", UNROLL_PORT="1"),
        run("sentiment", "good", UNROLL_PORT=port),
        run("sentiment", "good", UNROLL_PORT=port, UNROLL_HOST="0.0.0.0"),
        run("sentiment", "good", "--url", f"http://127.0.0.1:{port}", UNROLL_URL="http://[::1]:1"),
    ]
    assert answers == [answers[0]] * 4
    assert answers[0][0] == 0
    code, _, err = run("sentiment", "good", UNROLL_PORT="0")
    assert (code, err) == (2, "UNROLL_PORT=0 takes a free port: say which one with --url\n")
    free = free_address()
    _, _, err = run("sentiment", "good", UNROLL_PORT=free.rpartition(":")[2], UNROLL_HOST="::1")
    assert err.startswith("nobody answers at http://[::1]:") or "cannot be reached" in err
