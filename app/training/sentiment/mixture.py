"""The network and the n-grams in one answer. Knows logits and graphs, not what they learned."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray

from app.training.common.graph import Graph
from app.training.sentiment.batches import Ids
from app.training.sentiment.network import TextClassifier
from app.training.sentiment.ngrams import NgramClassifier

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Mixture:
    """How much each counts depends on whose kind of text it is, as the gate of the n-grams tells.

    One factor for the network about each kind of texts, then one for each expert; without n-grams
    there is one factor in all.
    """

    network: TextClassifier
    ngrams: NgramClassifier | None = None

    @property
    def experts(self) -> int:
        """How many of the factors, the last ones, are of n-grams."""
        return 0 if self.ngrams is None else len(self.ngrams.bias)

    def parts(self, network_logits: Array, tokens: Sequence[Ids]) -> list[Array]:
        """What the factors are for: (texts, classes) each, of texts whose `network_logits` (texts,
        classes) are known."""
        if self.ngrams is None:
            return [network_logits]
        said, trust = self.ngrams.parts(tokens)
        return [
            *(network_logits * trust[:, [kind]] for kind in range(trust.shape[1])),
            *(said[:, expert].astype(np.float64) for expert in range(said.shape[1])),
        ]

    def graph(self, factors: Sequence[float], classes: int) -> onnx.ModelProto:
        """A graph that answers the sum of the parts times their factors.

        token_ids (batch, time) int64, lengths (batch,) int64, 1 or more -> logits (batch, classes),
        contributions (batch, time, classes), both float32.
        """
        graph = Graph("text_classifier")
        token_ids = graph.input("token_ids", np.int64, ("batch", "time"))
        lengths = graph.input("lengths", np.int64, ("batch",))
        with graph.scope("network"):
            logits, told = self.network.to_onnx(graph, token_ids, lengths)
        if self.ngrams is None:
            factor = np.array(factors[0], np.float32)
            logits, told = graph.op("Mul", logits, factor), graph.op("Mul", told, factor)
        else:
            kinds = len(factors) - self.experts
            with graph.scope("ngrams"):
                ngrams = self.ngrams.scaled(factors[kinds:])
                said, said_by, trust = ngrams.to_onnx(graph, token_ids, lengths)
            by_kind = np.array(factors[:kinds], np.float32)
            # Not as a product of matrices: how that adds up may depend on the size of the batch.
            weighed = graph.op("Mul", trust, graph.constant(by_kind, "factors"))  # (batch, kinds)
            factor_of_text = graph.op("ReduceSum", weighed, np.array([1], np.int64))  # (batch, 1)
            logits = graph.op("Add", graph.op("Mul", logits, factor_of_text), said)
            of_steps = graph.op("Unsqueeze", factor_of_text, np.array([2], np.int64))
            told = graph.op("Add", graph.op("Mul", told, of_steps), said_by)
        graph.output("logits", logits, np.float32, ("batch", classes))
        graph.output("contributions", told, np.float32, ("batch", "time", classes))
        return graph.build()
