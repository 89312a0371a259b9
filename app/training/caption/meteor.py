"""METEOR without synonyms; knows words, and the library that aligns them."""

from collections.abc import Sequence
from functools import cache

from nltk.stem import PorterStemmer
from nltk.translate.meteor_score import meteor_score

from app.training.caption.scores import References, Words


class _NoSynonyms:
    """In the place of WordNet, whose data would have to be fetched."""

    def synsets(self, word: str) -> list[str]:
        return []


class _Stemmer:
    """Porter's, each word once."""

    def __init__(self) -> None:
        self.stem = cache(PorterStemmer().stem)


def meteor(captions: Sequence[Words], references: References) -> float:
    """METEOR (Banerjee and Lavie 2005, section 2.2) with its modules for equal words and for equal
    stems, not that for synonyms: the mean over images of the best reference's, 0 to 1.

    So it is lower than the figure of papers, and good for comparing rows of one table.
    """
    stemmer, synonyms = _Stemmer(), _NoSynonyms()
    scores = [
        meteor_score(
            [list(each) for each in several], list(words), stemmer=stemmer, wordnet=synonyms
        )
        for words, several in zip(captions, references, strict=True)
    ]
    return float(sum(scores) / len(scores))
