"""Language modelling on unlabelled text before the labels are seen. Knows tokens, no labels."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from app.training.sentiment.network import TextClassifier


class LanguageModel(nn.Module):
    """Teaches the layers of a `TextClassifier` to tell the next token and the one before.

    The forward half of a bidirectional layer guesses what follows, the backward half what came
    before; neither has seen it, so both learn in one run. Only `negatives` tokens, drawn anew
    from `frequencies` for every batch, stand against the right one (sampled softmax with the
    correction of Jean et al. 2015, "On Using Very Large Target Vocabulary", section 3.2).
    Warming a classifier up in this way is from Dai and Le 2015, "Semi-supervised Sequence
    Learning".
    """

    def __init__(self, classifier: TextClassifier, frequencies: Tensor, negatives: int) -> None:
        """`frequencies` (vocabulary,) are counts of each token in the training text."""
        super().__init__()
        o = classifier.options
        if o.num_layers != 1:
            raise ValueError("with several layers the backward half would see what it must guess")
        self.classifier = classifier
        self.projections = nn.ModuleList(
            nn.Linear(o.hidden_size, o.embedding_size) for _ in range(2 if o.bidirectional else 1)
        )
        self.bias = nn.Parameter(torch.zeros(o.vocabulary_size))
        self.negatives = negatives
        chances = frequencies.float().clamp(min=0.0) ** 0.75
        self.register_buffer("chances", chances / chances.sum())

    def forward(self, token_ids: Tensor, lengths: Tensor) -> Tensor:
        """token_ids (rows, time), lengths (rows,) -> mean negative log-likelihood, a scalar."""
        outputs = self.classifier.read(token_ids, lengths)  # (rows, time, directions * hidden)
        halves = outputs.chunk(len(self.projections), dim=2)
        chances: Tensor = self.get_buffer("chances")
        drawn = torch.multinomial(chances, self.negatives, replacement=True)
        losses = []
        valid = torch.arange(token_ids.shape[1]) < lengths[:, None]  # (rows, time)
        for direction, (half, projection) in enumerate(zip(halves, self.projections, strict=True)):
            if direction == 0:
                hidden, targets, counts = half[:, :-1], token_ids[:, 1:], valid[:, 1:]
            else:
                hidden, targets, counts = half[:, 1:], token_ids[:, :-1], valid[:, 1:]
            guesses = projection(hidden[counts])  # (steps, embedding)
            right = targets[counts]  # (steps,)
            losses.append(self._against(guesses, right, drawn, chances))
        return torch.stack(losses).mean()

    def _against(self, guesses: Tensor, right: Tensor, drawn: Tensor, chances: Tensor) -> Tensor:
        table = self.classifier.embedding.weight
        log_chances = (chances.clamp(min=1e-9) * self.negatives).log()
        own = (guesses.float() * table[right]).sum(1) + self.bias[right] - log_chances[right]
        others = guesses @ table[drawn].to(guesses.dtype).T + (self.bias - log_chances)[drawn]
        others = others.float().masked_fill(right[:, None] == drawn[None], -1e9)
        scores = torch.cat([own[:, None], others], dim=1)  # (steps, 1 + negatives)
        return functional.cross_entropy(scores, torch.zeros_like(right))
