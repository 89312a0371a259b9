"""`unroll predict generate` and `translate` against a running service."""

import json
from collections.abc import Iterator

import pytest
from typer.testing import CliRunner

from app.cli.commands import cli
from app.tasks.generate.task import GenerateTask
from app.tasks.translate.task import TranslateTask
from tests.api.service import Service, running
from tests.translator import write_translator
from tests.writer import write_writer


@pytest.fixture(name="service", scope="module")
def of_sequences(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    root = tmp_path_factory.mktemp("sequences")
    write_writer(root)
    write_translator(root)
    with running(root, tasks={"generate": GenerateTask, "translate": TranslateTask}) as one:
        yield one


def run(service: Service, *arguments: str) -> tuple[int, str, str]:
    """(exit code, standard output, standard error) of `unroll predict` with these arguments."""
    url = ("--url", str(service.http.base_url))
    variables = {"COLUMNS": "100", "UNROLL_API_KEY": None}
    result = CliRunner().invoke(cli, ("predict", *arguments, *url), env=variables)
    return result.exit_code, result.stdout, result.stderr


def test_a_text_goes_on(service: Service) -> None:
    options = ("--seed", "3", "--max-length", "20", "--num-samples", "2", "--temperature", "0.8")
    code, out, err = run(service, "generate", "ab", *options)
    assert (code, err) == (0, "")
    body = {"prompt": "ab", "seed": 3, "max_length": 20, "num_samples": 2, "temperature": 0.8}
    samples = service.http.post("/generate", json=body).json()["samples"]
    for sample in samples:
        for line in f"ab{sample['text']}".split("\n"):
            assert line.rstrip() in out
        assert f"seed {sample['seed']}, ended by length" in out
    code, out, _ = run(service, "generate", "ab", *options, "--json")
    assert (code, json.loads(out)["samples"]) == (0, samples)


def test_a_prompt_is_scored(service: Service) -> None:
    code, out, _ = run(service, "generate", "abc", "--max-length", "0", "--seed", "1")
    assert code == 0
    assert out.count("'") == 6
    assert "nats each" in out
    code, _, err = run(service, "generate", "xyz")
    assert code == 1
    assert "the model does not know 'x', 'y', 'z'" in err
    assert err.count("\n") == 1


def test_texts_are_translated(service: Service) -> None:
    options = ("--target", "de", "--num-translations", "2", "--attention")
    code, out, err = run(service, "translate", "A man walks.", "Two dogs", *options)
    assert (code, err) == (0, "")
    body = {"text": ["A man walks.", "Two dogs"], "target": "de", "num_translations": 2}
    found = service.http.post("/translate", json=body).json()["translations"]
    for answer in found:
        for candidate in answer["candidates"]:
            assert f"{candidate['score']:.3f}" in out
    assert "A man walks." in out
    assert "answered by translate 1" in out
    code, _, err = run(service, "translate", "A man", "--target", "es")
    assert code == 1
    assert "it knows en to de, en to fr" in err
