"""Sentiment, authorship, labels of one's own, captions and translations. Knows their options."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable
from typing import Any, Final, TypeAlias

from unroll_client import values
from unroll_client.answers import Authorship, Caption, Label, Sentiment, Translation
from unroll_client.base import Progress, Tasks, ask_many, ask_texts, collected
from unroll_client.errors import UnrollError
from unroll_client.many import Items, Size

Several: TypeAlias = "str | Iterable[str] | AsyncIterable[str]"
Images: TypeAlias = "Any | Iterable[Any] | AsyncIterable[Any]"

_SHORT: Final = Size(count=100, weight=100_000)  # texts, characters
_EXPLAINED: Final = Size(count=50, weight=10_000)
_LONG: Final = Size(count=50, weight=200_000)
_SLOW: Final = Size(count=8, weight=20_000)  # translations
_PICTURES: Final = Size(count=4, weight=8_000_000)  # images, characters of base64


class TextTasks(Tasks):
    """What is asked about texts and images."""

    def iter_sentiment(
        self,
        text: Several,
        *,
        explain: bool = False,
        model: str = "sentiment",
        version: str | None = None,
        progress: Progress = False,
        deadline: float | None = None,
    ) -> Items[Sentiment | UnrollError]:
        """Whether texts are negative, neutral or positive; a text that is refused has its error.

        text: one, or any number of them. explain: whether to tell what each token contributes.
        progress: whether to draw a bar, or what to call with (done, of how many). deadline: seconds
        for all of them.
        """
        options = {"explain": explain, "model": model, "version": version}
        size = _EXPLAINED if explain else _SHORT
        return ask_texts(
            self.transport,
            "/sentiment",
            text,
            options,
            answer="predictions",
            size=size,
            progress=progress,
            deadline=deadline,
        )

    def iter_classify(
        self,
        text: Several,
        *,
        explain: bool = False,
        model: str = "classifier",
        version: str | None = None,
        progress: Progress = False,
        deadline: float | None = None,
    ) -> Items[Label | UnrollError]:
        """The labels of texts, by a classifier; a text that is refused has its error.

        Arguments are those of `iter_sentiment`.
        """
        options = {"explain": explain, "model": model, "version": version}
        size = _EXPLAINED if explain else _SHORT
        return ask_texts(
            self.transport,
            "/classify",
            text,
            options,
            answer="predictions",
            size=size,
            progress=progress,
            deadline=deadline,
        )

    def iter_authorship(
        self,
        text: Several,
        *,
        evidence: bool = False,
        model: str = "authorship",
        version: str | None = None,
        progress: Progress = False,
        deadline: float | None = None,
    ) -> Items[Authorship | UnrollError]:
        """Who of a model's authors wrote texts; a text that is refused has its error.

        evidence: whether to tell what each chunk of a text says. The other arguments are those of
        `iter_sentiment`.
        """
        options = {"evidence": evidence, "model": model, "version": version}
        return ask_texts(
            self.transport,
            "/authorship",
            text,
            options,
            answer="predictions",
            size=_LONG,
            progress=progress,
            deadline=deadline,
        )

    def iter_translate(
        self,
        text: Several,
        target: str,
        *,
        source: str | None = None,
        beam_width: int | None = None,
        num_translations: int | None = None,
        max_length: int | None = None,
        length_penalty: float | None = None,
        no_repeat_ngram: int | None = None,
        attention: bool = False,
        model: str = "translate",
        version: str | None = None,
        progress: Progress = False,
        deadline: float | None = None,
    ) -> Items[Translation | UnrollError]:
        """Translations of texts into the language `target`; a text that is refused has its error.

        Options that are None are the model's own; docs/api.md tells what they do.
        """
        options = {
            **{"target": target, "source": source, "beam_width": beam_width},
            **{"num_translations": num_translations, "max_length": max_length},
            **{"length_penalty": length_penalty, "no_repeat_ngram": no_repeat_ngram},
            **{"attention": attention, "model": model, "version": version},
        }
        return ask_texts(
            self.transport,
            "/translate",
            text,
            options,
            answer="translations",
            size=_SLOW,
            progress=progress,
            deadline=deadline,
        )

    def iter_caption(
        self,
        image: Images,
        *,
        beam_width: int | None = None,
        num_captions: int | None = None,
        max_length: int | None = None,
        length_penalty: float | None = None,
        no_repeat_ngram: int | None = None,
        attention: bool = False,
        model: str = "caption",
        version: str | None = None,
        progress: Progress = False,
        deadline: float | None = None,
    ) -> Items[Caption | UnrollError]:
        """Captions of images; an image that is refused has its error.

        image: a path, the bytes of a file, an image of Pillow, or any number of these. Options
        that are None are the model's own; docs/api.md tells what they do.
        """
        options = {
            **{"beam_width": beam_width, "num_captions": num_captions, "max_length": max_length},
            **{"length_penalty": length_penalty, "no_repeat_ngram": no_repeat_ngram},
            **{"attention": attention, "model": model, "version": version},
        }
        return ask_many(
            self.transport,
            "/caption",
            [image] if values.is_one_image(image) else image,
            prepare=values.image,
            weigh=len,
            body=lambda sent: {"image": sent, **options},
            answer="captions",
            fields=("image",),
            size=_PICTURES,
            progress=progress,
            deadline=deadline,
        )

    sentiment = collected(iter_sentiment)
    classify = collected(iter_classify)
    authorship = collected(iter_authorship)
    translate = collected(iter_translate)
    caption = collected(iter_caption)
