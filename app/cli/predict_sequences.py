"""The commands `predict generate` and `predict translate`. Knows arguments and tables."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.answers import (
    JsonOption,
    KeyOption,
    UrlOption,
    VersionOption,
    ask,
    percent,
    plain,
    show,
    table,
)
from app.cli.common import errors_in_one_line

if TYPE_CHECKING:
    from rich.console import RenderableType


def predict_generate(
    prompt: Annotated[str, typer.Argument(help="What the text goes on from.", metavar="PROMPT")],
    url: UrlOption = None,
    max_length: Annotated[
        int, typer.Option(help="Characters of a text; 0 only scores the prompt.", min=0)
    ] = 200,
    temperature: Annotated[
        float | None, typer.Option(help="The lower, the likelier is the text.", min=0)
    ] = None,
    top_k: Annotated[int | None, typer.Option(help="Draw from so many only.", min=1)] = None,
    top_p: Annotated[float | None, typer.Option(help="Draw from this share only.")] = None,
    seed: Annotated[int | None, typer.Option(help="The same seed gives the same text.")] = None,
    stop: Annotated[
        list[str] | None, typer.Option("--stop", help="End before this; may be repeated.")
    ] = None,
    num_samples: Annotated[int, typer.Option(help="Texts wanted.", min=1)] = 1,
    log_probabilities: Annotated[
        bool, typer.Option("--log-probabilities", help="Show how likely each character was.")
    ] = False,
    model: Annotated[str, typer.Option(help="Name of the model.")] = "generate",
    version: VersionOption = None,
    api_key: KeyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Go on writing from a beginning.

    Put -- before a prompt that begins with a dash.
    """
    with errors_in_one_line():
        body = {
            **{"prompt": prompt, "max_length": max_length, "temperature": temperature},
            **{"top_k": top_k, "top_p": top_p, "seed": seed, "stop": stop or []},
            **{"num_samples": num_samples, "model": model, "version": version},
            "log_probabilities": log_probabilities or not max_length,
        }
        answer = ask("/generate", body, url, api_key)
        show(answer, as_json, lambda found: _samples(prompt, found), "samples")


def predict_translate(
    texts: Annotated[list[str], typer.Argument(help="Texts to translate.", metavar="TEXT")],
    target: Annotated[str, typer.Option("--target", help="The language wanted, such as de.")],
    url: UrlOption = None,
    beam_width: Annotated[
        int | None, typer.Option(help="Translations followed at once; 1 is greedy.", min=1)
    ] = None,
    num_translations: Annotated[int, typer.Option(help="Translations of each text.", min=1)] = 1,
    attention: Annotated[
        bool, typer.Option("--attention", help="Show the source token of each word.")
    ] = False,
    model: Annotated[str, typer.Option(help="Name of the model.")] = "translate",
    version: VersionOption = None,
    api_key: KeyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Translate texts into another language.

    Put -- before a text that begins with a dash.
    """
    with errors_in_one_line():
        body = {
            **{"text": texts if len(texts) > 1 else texts[0], "target": target},
            **{"beam_width": beam_width, "num_translations": num_translations},
            **{"attention": attention, "model": model, "version": version},
        }
        answer = ask("/translate", body, url, api_key)
        show(answer, as_json, lambda found: _translations(texts, found), "translations")


def _translations(texts: Sequence[str], answers: Sequence[Any]) -> "Iterator[RenderableType]":
    for text, answer in zip(texts, answers, strict=True):
        rows = [
            [each["text"], percent(each["probability"]), f"{each['score']:.3f}"]
            for each in answer["candidates"]
        ]
        yield plain(text)
        yield table(["translation", "sure", "score"], rows)
        for sentence in answer.get("attention", []):
            yield table(["word", "source", "weight"], _looks(sentence))


def _looks(sentence: Any) -> list[list[str]]:
    """Per word the source token that the network looked at most."""
    rows = []
    for each in sentence["words"]:
        share = max(each["weights"])
        rows.append(
            [each["word"], sentence["source"][each["weights"].index(share)], percent(share)]
        )
    return rows


def _samples(prompt: str, samples: Sequence[Any]) -> "Iterator[RenderableType]":
    for sample in samples:
        # A text has lines of its own; escape codes in it do not reach the terminal.
        for line in (prompt + sample["text"]).split("\n"):
            yield plain(line)
        yield plain(f"seed {sample['seed']}, ended by {sample['finish']}")
        if "prompt" in sample:
            scored = [*sample["prompt"], *sample["characters"]]
            rows = [[repr(each["text"]), f"{each['log_probability']:.3f}"] for each in scored]
            yield table(["text", "log-probability"], rows)
            mean = sum(each["log_probability"] for each in scored) / len(scored)
            yield plain(f"{-mean:.3f} nats each")
