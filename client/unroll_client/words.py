"""Texts that come as they are found, and texts that go on from a prompt. Knows events.

A text depends on its request alone, for `generate` on the seed, too. So a connection that breaks
off in the middle is no end: the request is sent again, and what was given already is left out.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, Final

import httpx

from unroll_client import values
from unroll_client.answers import Caption, Sample, Translation
from unroll_client.base import Tasks, listed
from unroll_client.errors import NotUnroll, Refused, Unanswered, refused
from unroll_client.many import Items
from unroll_client.options import Deadline

_LARGEST_SEED: Final = 2**53 - 1


class WordTasks(Tasks):
    """What is asked for words as they come."""

    async def generate(
        self,
        prompt: str,
        max_length: int,
        *,
        temperature: float | None = None,
        top_k: int | None = None,
        top_p: float | None = None,
        seed: int | None = None,
        stop: str | Sequence[str] | None = None,
        num_samples: int | None = None,
        log_probabilities: bool = False,
        model: str = "generate",
        version: str | None = None,
        deadline: float | None = None,
    ) -> list[Sample]:
        """Texts of `max_length` characters at most that go on from `prompt`.

        Options that are None are the model's own; docs/api.md tells what they do.
        """
        body = {
            **{"prompt": prompt, "max_length": max_length, "temperature": temperature},
            **{"top_k": top_k, "top_p": top_p, "seed": _seed(seed), "stop": _texts(stop)},
            **{"num_samples": num_samples, "log_probabilities": log_probabilities},
            **{"model": model, "version": version},
        }
        end = Deadline.after(deadline)
        answer = await self.transport.ask("POST", "/generate", body, deadline=end)
        found: list[Any] = listed(answer, "samples")
        return found

    def generate_words(
        self,
        prompt: str,
        max_length: int,
        *,
        temperature: float | None = None,
        top_k: int | None = None,
        top_p: float | None = None,
        seed: int | None = None,
        stop: str | Sequence[str] | None = None,
        model: str = "generate",
        version: str | None = None,
        deadline: float | None = None,
        done: Callable[[Sample], None] | None = None,
    ) -> Items[str]:
        """The pieces of one text as they are written. `done` is called with the whole."""
        body = {
            **{"prompt": prompt, "max_length": max_length, "temperature": temperature},
            **{"top_k": top_k, "top_p": top_p, "seed": _seed(seed), "stop": _texts(stop)},
            **{"model": model, "version": version},
        }
        return self._words("/generate", body, "samples", deadline, done)

    def translate_words(
        self,
        text: str,
        target: str,
        *,
        source: str | None = None,
        max_length: int | None = None,
        attention: bool = False,
        model: str = "translate",
        version: str | None = None,
        deadline: float | None = None,
        done: Callable[[Translation], None] | None = None,
    ) -> Items[str]:
        """The words of one translation as they are found. `done` is called with the whole one."""
        body = {
            **{"text": values.text(0, text), "target": target, "source": source},
            **{"max_length": max_length, "attention": attention, "beam_width": 1},
            **{"model": model, "version": version},
        }
        return self._words("/translate", body, "translations", deadline, done)

    def caption_words(
        self,
        image: Any,
        *,
        max_length: int | None = None,
        attention: bool = False,
        model: str = "caption",
        version: str | None = None,
        deadline: float | None = None,
        done: Callable[[Caption], None] | None = None,
    ) -> Items[str]:
        """The words of one caption as they are found. `done` is called with the whole one."""
        body = {
            **{"image": values.image(0, image), "max_length": max_length},
            **{"attention": attention, "beam_width": 1, "model": model, "version": version},
        }
        return self._words("/caption", body, "captions", deadline, done)

    def _words(
        self,
        path: str,
        body: Mapping[str, Any],
        field: str,
        deadline: float | None,
        done: Callable[[Any], None] | None,
    ) -> Items[str]:
        return Items(self._pieces(path, body, field, Deadline.after(deadline), done))

    async def _pieces(
        self,
        path: str,
        body: Mapping[str, Any],
        field: str,
        deadline: Deadline | None,
        done: Callable[[Any], None] | None,
    ) -> AsyncIterator[list[str]]:
        transport = self.transport
        given = ""
        for attempt in transport.attempts():
            again = ""  # what this attempt has told of `given`
            try:
                async with transport.events(path, body, deadline) as events:
                    async for name, data in events:
                        content = transport.parsed(data.encode())
                        if name == "text":
                            piece = str(content["text"])
                            if len(again) < len(given):
                                again, piece = _known(again + piece, given)
                            if piece:
                                given += piece
                                again = given
                                yield [piece]
                        elif name == "error":
                            raise refused(transport.base, int(content["status"]), {}, data.encode())
                        elif name == "answer":
                            (whole,) = listed(content, field)
                            if done is not None:
                                done(whole)
                            return
                raise Unanswered(f"{transport.base} broke off its answer")
            except (httpx.HTTPError, asyncio.TimeoutError, Unanswered, Refused) as error:
                await transport.retry(error, attempt, deadline)


def _known(told: str, given: str) -> tuple[str, str]:
    """(what is told so far, what of it is new).

    Raises:
        NotUnroll: it is another text than the one that was given.
    """
    if given.startswith(told):
        return told, ""
    if told.startswith(given):
        return given, told[len(given) :]
    raise NotUnroll("the text is another one after its connection broke off; ask again")


def _seed(seed: int | None) -> int:
    """A seed of one's own, so that a request that is sent twice gives the same text."""
    return random.randrange(_LARGEST_SEED + 1) if seed is None else seed


def _texts(stop: str | Sequence[str] | None) -> list[str] | None:
    return [stop] if isinstance(stop, str) else None if stop is None else list(stop)
