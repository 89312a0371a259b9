"""Runs the service's own beam search on a torch network. Knows log-probabilities, no network.

So a network is validated with the search that it will be served with.
"""

from collections.abc import Callable
from typing import Final, TypeAlias

import torch
from torch import Tensor

from app.tasks.decoding.beam_search import MAX_BEAM_WIDTH, BeamOptions, BeamSearch, EndedSequence

# From the last ids (rows,) and the rows of the step before that they continue (rows,) to
# log-probabilities of what follows (rows, vocabulary).
Step: TypeAlias = Callable[[Tensor, Tensor], Tensor]

TOP: Final = MAX_BEAM_WIDTH + 1
"""How many ids a step answers: one more than the widest beam, since one of them may end it."""


def search(step: Step, count: int, begin: int, options: BeamOptions) -> list[EndedSequence]:
    """The best of each of `count` sequences, side by side; a step sees the open rows of all.

    In the first step row n is sequence n.
    """
    searches = [BeamSearch(options, begin) for _ in range(count)]
    parents = torch.arange(count)
    while going := [each for each in searches if each.rows]:
        logs = step(torch.tensor([token for each in going for token in each.ids]), parents)
        values, ids = logs.topk(min(TOP, logs.shape[1]), dim=1)
        value_rows, id_rows = values.tolist(), ids.tolist()
        first = 0
        places: list[int] = []
        for each in going:
            rows = slice(first, first + each.rows)
            places += [first + row for row in each.advance(value_rows[rows], id_rows[rows])]
            first = rows.stop
        parents = torch.tensor(places, dtype=torch.long)
    return [each.best()[0] for each in searches]
