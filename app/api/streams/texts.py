"""Steps of a stream that is a text: what is read and written. Knows requests and versions."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final

from fastapi import Request

from app.api.context import RequestRecord
from app.api.responses import answer_json
from app.api.services import Services
from app.api.streams.following import Following
from app.api.streams.states import text_stream, writes
from app.api.work import prepare, run
from app.errors import InvalidInput
from app.serving.models.loader import LoadedModel
from app.serving.streams.records import Kept, Record
from app.serving.streams.taking import Computed
from app.tasks.generate.run import GenerateExample, GeneratePrediction, TextState
from app.tasks.generate.stream import TextStream, numbers_of

_INLINE_CHARACTERS: Final = 4_000  # of a text that is prepared at once


class TextSteps(Following[TextStream]):
    """Reads the text of one request, and goes on from it. Implements `Network`.

    A unit that was read or written is a step. Kept for another version is the text itself.
    """

    def __init__(
        self,
        services: Services,
        request: Request,
        record: RequestRecord,
        options: Mapping[str, Any],
    ) -> None:
        """options: those of `GenerateTask.encode_on`."""
        super().__init__(services, request, record)
        self._options = options

    async def compute(self, record: Record) -> Computed:
        model, stream = self.on
        self._record.inputs = 1
        text = self._options.get("text", "")
        begin = stream.read(record.state)
        example, prediction, end = await self._run(model, stream, begin, self._options)
        read, [sample] = len(example.prompt), prediction.samples
        count = read + len(prediction.written)
        self._record.input_length = count
        inputs = (text + sample.text).encode() if count and record.policy != "pin" else None
        content = b'"sample":' + answer_json(prediction.samples_json()[0])
        return Computed(count, model.version, stream.packed(end), content, inputs)

    def _states(self, model: LoadedModel, name: str) -> TextStream:
        if not writes(model, name):
            raise InvalidInput(
                "the model takes no text", field="text", allowed="inputs, or values instead"
            )
        return text_stream(model)

    async def _fed(
        self, record: Record, kept: Sequence[Kept], model: LoadedModel, states: TextStream
    ) -> tuple[bytes, int, float | None]:
        text = b"".join(each.content for each in kept).decode()
        fed = sum(each.count for each in kept)
        before = states.task.first_state()
        if text:
            example, _, before = await self._run(model, states, before, {"text": text})
            if len(example.prompt) != fed:
                raise ValueError(f"it splits {fed} units into {len(example.prompt)}")
        # Its random numbers go on as they would have.
        seed, drawn = numbers_of(record.state)
        return states.packed(replace(before, seed=seed, drawn=drawn)), fed, None

    async def _run(
        self,
        model: LoadedModel,
        stream: TextStream,
        begin: TextState,
        options: Mapping[str, Any],
    ) -> tuple[GenerateExample, GeneratePrediction, TextState]:
        """(what was asked, what was answered, where the text has come to)."""
        encode = partial(stream.task.encode_on, begin, **options)
        inline = len(options.get("text", "")) <= _INLINE_CHARACTERS
        (example,) = await prepare(self._request, self._record, [encode], inline=inline)
        (prediction,) = await run(self._request, self._record, model, [example])
        assert prediction.end is not None  # it is told of what goes on from a state
        return example, prediction, prediction.end
