"""`unroll predict` against a running service: tables, JSON, and errors in one line."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli.commands import cli
from app.tasks.caption.task import CaptionTask
from app.tasks.sentiment import SentimentTask
from tests.api.authors import WordTask, write_authors
from tests.api.service import Service, running
from tests.captioner import ATTENDING, as_text, png, write_captioner
from tests.classifier import write_classifier
from tests.client.servers import answering, free_address

TASKS = {"sentiment": SentimentTask, "authorship": WordTask, "caption": CaptionTask}
FEDERALIST = "It depends upon the Union. " + "x" * 40 + " whilst upon"


@pytest.fixture(name="root", scope="module")
def models_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    write_classifier(root)
    write_authors(root)
    write_captioner(root, features=ATTENDING)
    return root


@pytest.fixture(scope="module")
def service(root: Path) -> Iterator[Service]:
    with running(root, tasks=TASKS) as one:
        yield one


@pytest.fixture(name="url", scope="module")
def address(service: Service) -> str:
    return str(service.http.base_url)


def run(*arguments: str, stdin: bytes = b"", **environment: str) -> tuple[int, str, str]:
    """(exit code, standard output, standard error) of `unroll predict` with these arguments."""
    variables = {"COLUMNS": "100", "UNROLL_API_KEY": None, "UNROLL_URL": None} | environment
    result = CliRunner().invoke(cli, ("predict", *arguments), input=stdin, env=variables)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


def words(output: str) -> list[list[str]]:
    return [line.split() for line in output.splitlines()]


def test_sentiment(url: str) -> None:
    code, out, err = run("sentiment", "good film", "--url", url)
    assert (code, err) == (0, "")
    head, row, last = words(out)
    assert head == ["text", "label", "negative", "neutral", "positive", "tokens", "unknown"]
    assert row[:3] == ["good", "film", "positive"]
    assert row[-2:] == ["2", "0"]
    assert sum(float(share) for share in row[3:-2:2]) == pytest.approx(100, abs=0.2)
    assert last == ["answered", "by", "sentiment", "1"]


def test_several_texts_and_standard_input(url: str) -> None:
    code, out, _ = run("sentiment", "good", "-", "--url", url, stdin=b"\xef\xbb\xbfbad\nfilm\n")
    assert code == 0
    assert [row[:3] for row in words(out)[1:3]] == [
        ["good", "positive", words(out)[1][2]],
        ["bad", "film", "negative"],
    ]


def test_an_explanation(url: str) -> None:
    _, out, _ = run("sentiment", "not a good film", "--explain", "--url", url)
    lines = words(out)
    start = lines.index(["token", "for", "positive"])
    assert [row[0] for row in lines[start + 1 : start + 5]] == ["not", "a", "good", "film"]
    good = lines[start + 3]
    assert good[1].startswith("+")
    assert good[2] == "#" * 20
    assert "class activation mapping: 4 of 4 tokens" in out


def test_a_long_explanation_shows_the_strongest_tokens(tmp_path: Path) -> None:
    tokens = [
        {"token": f"t{i}", "start": i, "end": i + 1, "contribution": i / 100} for i in range(50)
    ]
    prediction = {
        **{"label": "good", "score": 1.0, "probabilities": {"good": 1.0}, "truncated": True},
        **{"tokens": 50, "unknown_tokens": 0},
        "explanation": {"method": "m", "label": "good", "bias": 0.0, "tokens": tokens},
    }
    answer = {"model": "sentiment", "version": "1", "predictions": [prediction]}
    with answering(200, json.dumps(answer).encode()) as (url, _):
        _, out, _ = run("sentiment", "x", "--explain", "--url", url)
    assert [row[0] for row in words(out) if row and row[0].startswith("t") and len(row) == 3][
        1:
    ] == [f"t{i}" for i in range(30, 50)]
    assert "50 (cut)" in out
    assert "20 of 50 tokens" in out


def test_json(url: str, service: Service) -> None:
    code, out, _ = run("sentiment", "good film", "--explain", "--json", "--url", url)
    assert code == 0
    body = {"text": "good film", "explain": True}
    assert json.loads(out) == service.http.post("/sentiment", json=body).json()


def test_authorship(url: str, tmp_path: Path) -> None:
    file = tmp_path / "paper.txt"
    file.write_text(FEDERALIST, encoding="utf-8")
    arguments = ("authorship", str(file), "-", "--url", url)
    code, out, err = run(*arguments, stdin=b"nobody says", COLUMNS="200")
    assert (code, err) == (0, "")
    head, *rest, second, _ = out.splitlines()
    assert head.split() == ["file", "author", "sure", "others", "chunks"]
    first = rest[0]
    assert "Hamilton" in first
    assert "Madison 33.3 %" in first
    assert "too thin" not in first
    assert second.startswith("- ")
    assert "too thin to rely on" in second


def test_evidence(url: str) -> None:
    _, out, _ = run("authorship", "-", "--evidence", "--url", url, stdin=FEDERALIST.encode())
    assert f"40 to {len(FEDERALIST)}" in out
    assert "0 to 40" in out


def test_authorship_as_json(url: str) -> None:
    _, out, _ = run("authorship", "-", "--json", "--url", url, stdin=FEDERALIST.encode())
    assert json.loads(out)["predictions"][0]["author"] == "Hamilton"


def test_captions(url: str, service: Service, tmp_path: Path) -> None:
    file = tmp_path / "image.png"
    file.write_bytes(png(1))
    options = ("--num-captions", "2", "--attention", "--url", url)
    code, out, err = run("caption", str(file), "-", *options, stdin=png(2), COLUMNS="200")
    assert (code, err) == (0, "")
    body = {"image": [as_text(png(1)), as_text(png(2))], "num_captions": 2, "attention": True}
    answer = service.http.post("/caption", json=body).json()
    lines = out.splitlines()
    assert lines[0].split() == ["file", "caption", "sure", "score"]
    for caption in answer["captions"]:
        for each in caption["candidates"]:
            assert any(each["text"] in line and f"{each['score']:.3f}" in line for line in lines)
        (look, *_) = caption["attention"]["words"]
        place = look["weights"].index(max(look["weights"]))
        row, column = place // 2 + 1, place % 2 + 1
        assert [look["word"], f"{row},", str(column)] in [words[:3] for words in words_of(lines)]
    assert "row, column of 2 x 2" in out
    assert lines[-1].split() == ["answered", "by", "caption", "1"]
    _, out, _ = run("caption", str(file), "-", *options, "--json", stdin=png(2))
    assert json.loads(out) == answer


def words_of(lines: list[str]) -> list[list[str]]:
    return [line.split() for line in lines]


def test_markup_and_control_characters_stay_text(url: str) -> None:
    code, out, _ = run("sentiment", "[red]good[/nothing] \x1b[31m\x07 [pad]", "--url", url)
    assert code == 0
    assert "[red]good[/nothing] [31m [pad]" in out
    assert "\x1b" not in out
    assert "\x07" not in out


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("sentiment", ""), 1, "422 Invalid input: text: the text is empty (allowed: a text of "),
        (("sentiment", "good", " "), 1, "422 Invalid input: text[1]: nothing of the text"),
        (("sentiment", "x", "--model", "nope"), 1, "404 Model not found: there is no sentiment"),
        (("sentiment", "x", "--version", "7"), 1, "404 Model not found: version '7'"),
        (("sentiment", "\udcff"), 2, "the text is not UTF-8"),
        (("authorship", "/nowhere/at/all"), 2, "/nowhere/at/all cannot be read: No such file"),
        (("authorship", "/"), 2, "/ cannot be read: Is a directory"),
        (("caption", "/"), 2, "/ cannot be read: Is a directory"),
        (("caption", "pyproject.toml"), 1, "422 Invalid input: image: this is no image in a"),
        (("caption", "-", "--beam-width", "11"), 1, "422 Invalid input: beam_width: expected at"),
    ],
)
def test_what_goes_wrong_is_one_line(
    url: str, arguments: tuple[str, ...], code: int, message: str
) -> None:
    found, out, err = run(*arguments, "--url", url)
    assert (found, out) == (code, "")
    assert err.startswith(message)
    assert err.count("\n") == 1


def test_input_that_is_no_text(url: str, tmp_path: Path) -> None:
    file = tmp_path / "latin-1.txt"
    file.write_bytes(b"sch\xf6n")
    code, _, err = run("authorship", str(file), "--url", url)
    assert (code, err) == (
        2,
        f"{file} line 1, byte 4: 0xf6 is not utf-8; convert the file to UTF-8\n",
    )
    code, _, err = run("sentiment", "-", "--url", url, stdin=b"good\n\xff")
    assert code == 2
    assert err.startswith("standard input line 2, byte 6: 0xff is not utf-8")


def test_texts_with_a_byte_order_mark(url: str, tmp_path: Path) -> None:
    answers = []
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        file = tmp_path / "text.txt"
        file.write_bytes(("of the text " * 30).encode(encoding))
        answers.append(run("authorship", str(file), "--url", url))
    assert answers[0][0] == 0
    assert answers == [answers[0]] * 3


def test_no_service() -> None:
    url = free_address()
    code, out, err = run("sentiment", "good", "--url", url)
    assert (code, out) == (1, "")
    assert err == f"nobody answers at {url}; start a service with: unroll serve\n"


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"predictions": []},
        {"predictions": [{"label": "x"}], "model": "a", "version": "1"},
        {"predictions": "x"},
    ],
)
def test_an_answer_of_another_shape(answer: object) -> None:
    with answering(200, json.dumps(answer).encode()) as (url, _):
        code, out, err = run("sentiment", "good", "--url", url)
    assert (code, out) == (1, "")
    assert err == "the answer is not what this version of unroll expects\n"


def test_a_service_with_keys(root: Path) -> None:
    with running(root, tasks=TASKS, api_keys="the-key") as locked:
        url = str(locked.http.base_url)
        code, _, err = run("sentiment", "good", "--url", url)
        assert code == 1
        assert err.startswith("401 API key required: ")
        assert err.endswith("(here: UNROLL_API_KEY or --api-key)\n")
        assert run("sentiment", "good", "--url", url, "--api-key", "the-key")[0] == 0
        assert run("sentiment", "good", "--url", url, UNROLL_API_KEY="the-key")[0] == 0
        code, _, err = run("sentiment", "good", "--url", url, UNROLL_API_KEY="wrong")
        assert code == 1
        assert "wrong" not in err
