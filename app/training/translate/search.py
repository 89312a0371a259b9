"""Translates with a torch network by the search of the service. Knows tensors and ids, no words."""

from dataclasses import dataclass

import torch
from torch import Tensor

from app.tasks.decoding.beam_search import BeamOptions
from app.tasks.decoding.repetition import RepetitionOptions
from app.tasks.translate.features import END, Subwords
from app.training.common.search import search
from app.training.translate.network import Translator, padded


@dataclass(frozen=True)
class SearchOptions:
    """The beam search of the decoder."""

    beam_width: int = 5  # translations that are followed at a time; 1 is greedy
    max_length: int = 128  # tokens of a translation, at most
    # a translation's score is its log-probability over (tokens and end) ** this
    length_penalty: float = 2.0
    no_repeat_ngram: int = 3  # words of a phrase that no translation holds twice; 0 allows all


def translations_of(
    network: Translator,
    rows: list[list[int]],
    target: str,
    subwords: Subwords,
    options: SearchOptions,
    *,
    at_once: int = 64,
) -> list[str]:
    """The best translation of each row of source ids (with tag and end) into `target`."""
    network.eval()
    never = torch.zeros(len(subwords), dtype=torch.bool)
    never[list(subwords.never)] = True
    best = BeamOptions(
        beam_width=options.beam_width,
        max_length=options.max_length,
        length_penalty=options.length_penalty,
        end=END,
        never=subwords.never,
        repetition=RepetitionOptions(options.no_repeat_ngram, subwords.inner, subwords.joining),
    )
    found: list[str] = []
    with torch.no_grad():
        for start in range(0, len(rows), at_once):
            part = rows[start : start + at_once]
            context, state = network.begin(*padded(part))

            def step(tokens: Tensor, parents: Tensor) -> Tensor:
                nonlocal context, state
                context, state = context.rows(parents), tuple(each[parents] for each in state)
                state, logs = network.next_words(context, state, tokens, never)
                return logs

            ended = search(step, len(part), subwords.tags[target], best)
            found += [subwords.decode(each.ids) for each in ended]
    return found
