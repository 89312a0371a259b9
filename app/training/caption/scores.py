"""Scores captions against what people wrote; knows words, not images and not networks.

Every score is over a whole corpus, with all references of an image, on words of one tokeniser.
"""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

Words = Sequence[str]
References = Sequence[Sequence[Words]]
"""Of every image its references."""

_ORDERS: Final = 4
_SIGMA: Final = 6.0
_SCALE: Final = 10.0
_ROUGE_BETA: Final = 1.2

_Ngram = tuple[str, ...]
_Vector = tuple[list[dict[_Ngram, float]], list[float], int]


class CiderD:
    """CIDEr-D (Vedantam, Zitnick and Parikh 2015, section 6) as the COCO evaluation computes it.

    n-grams of 1 to 4 words, weights by the inverse document frequency among the images whose
    references are given here, counts clipped to the reference's, a Gaussian penalty on the
    difference of lengths (sigma 6), the mean over references and orders, times 10. So 1.0 is the
    figure that papers print as 100.
    """

    def __init__(self, references: References) -> None:
        frequency: Counter[_Ngram] = Counter()
        for several in references:
            frequency.update({ngram for words in several for ngram in _ngrams(words)})
        self._log_images = math.log(max(len(references), 1))
        self._idf = {g: self._log_images - math.log(count) for g, count in frequency.items()}
        self._references = [[self._vector(words) for words in several] for several in references]

    def each(self, captions: Sequence[Words]) -> list[float]:
        """The score of every image's caption, in the order of the references."""
        if len(captions) != len(self._references):
            raise ValueError("as many captions as images with references are needed")
        return [self.one(place, words) for place, words in enumerate(captions)]

    def one(self, image: int, words: Words) -> float:
        """The score of `words` as the caption of image number `image`."""
        candidate = self._vector(words)
        several = self._references[image]
        total = sum(self._similarity(candidate, reference) for reference in several)
        return _SCALE * total / len(several)

    def mean(self, captions: Sequence[Words]) -> float:
        """The score of the corpus."""
        each = self.each(captions)
        return sum(each) / len(each)

    def everywhere(self) -> Callable[[Words], float]:
        """A quick `mean` of one caption that is told of every image.

        It clips no counts: where no word stands twice it is the same, else it is not lower.
        """
        longest = max(reference[2] for several in self._references for reference in several)
        sums: dict[_Ngram, NDArray[np.float64]] = {}  # over references, by their length
        for several in self._references:
            for orders, norms, length in several:
                for order, norm in zip(orders, norms, strict=True):
                    for ngram, weight in order.items():
                        row = sums.setdefault(ngram, np.zeros(longest + 1))
                        row[length] += weight / norm / len(several) if norm else 0.0
        lengths = np.arange(longest + 1)
        images = len(self._references)

        def score(words: Words) -> float:
            orders, norms, length = self._vector(words)
            total = np.zeros(longest + 1)
            for order, norm in zip(orders, norms, strict=True):
                for ngram, weight in order.items():
                    if norm and ngram in sums:
                        total += weight / norm * sums[ngram]
            punished = np.exp(-((length - lengths) ** 2) / (2 * _SIGMA**2)) @ total
            return float(_SCALE * punished / _ORDERS / images)

        return score

    def _vector(self, words: Words) -> _Vector:
        orders: list[dict[_Ngram, float]] = [{} for _ in range(_ORDERS)]
        squares = [0.0] * _ORDERS
        for ngram, count in _ngrams(words).items():
            # an n-gram that no reference has counts as one that a single image has
            weight = count * self._idf.get(ngram, self._log_images)
            orders[len(ngram) - 1][ngram] = weight
            squares[len(ngram) - 1] += weight * weight
        return orders, [math.sqrt(square) for square in squares], len(words)

    @staticmethod
    def _similarity(candidate: _Vector, reference: _Vector) -> float:
        total = 0.0
        for order in range(_ORDERS):
            theirs, norm = reference[0][order], candidate[1][order] * reference[1][order]
            if norm:
                product = sum(
                    min(weight, theirs[ngram]) * theirs[ngram]
                    for ngram, weight in candidate[0][order].items()
                    if ngram in theirs
                )
                total += product / norm
        difference = candidate[2] - reference[2]
        return math.exp(-(difference**2) / (2 * _SIGMA**2)) * total / _ORDERS


def _ngrams(words: Words) -> Counter[_Ngram]:
    return Counter(
        tuple(words[start : start + order])
        for order in range(1, _ORDERS + 1)
        for start in range(len(words) - order + 1)
    )


def rouge_l(captions: Sequence[Words], references: References) -> float:
    """ROUGE-L (Lin 2004, section 3) as the COCO evaluation computes it: the F-measure, beta 1.2, of
    the best precision and the best recall among an image's references; the mean over images."""
    return sum(map(_rouge_l, captions, references)) / len(captions)


def _rouge_l(words: Words, several: Sequence[Words]) -> float:
    if not words:
        return 0.0
    common = [_common_subsequence(words, reference) for reference in several]
    precision = max(common) / len(words)
    recall = max(c / len(r) for c, r in zip(common, several, strict=True) if r)
    if not precision or not recall:
        return 0.0
    square = _ROUGE_BETA**2
    return (1 + square) * precision * recall / (recall + square * precision)


def _common_subsequence(first: Words, second: Words) -> int:
    """Length of the longest common subsequence."""
    row = [0] * (len(second) + 1)
    for word in first:
        before = 0
        for place, other in enumerate(second, start=1):
            here = row[place]
            row[place] = before + 1 if word == other else max(here, row[place - 1])
            before = here
    return row[-1]
