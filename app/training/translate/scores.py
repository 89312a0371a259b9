"""What translations are worth: BLEU and chrF, as sacreBLEU computes them. Knows texts only."""

from collections.abc import Sequence

from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF


def bleu(translations: Sequence[str], references: Sequence[str]) -> float:
    """BLEU of the corpus (Papineni et al. 2002), cased, of plain texts, 0 to 100."""
    return float(BLEU().corpus_score(list(translations), [list(references)]).score)


def chrf(translations: Sequence[str], references: Sequence[str]) -> float:
    """chrF of the corpus (Popovic 2015), 0 to 100."""
    return float(CHRF().corpus_score(list(translations), [list(references)]).score)


def signatures() -> tuple[str, str]:
    """How BLEU and chrF are computed, for whoever compares figures (Post 2018)."""
    found = []
    for metric in (BLEU(), CHRF()):
        metric.corpus_score(["a"], [["a"]])  # a signature knows the number of references
        found.append(str(metric.get_signature()))
    return found[0], found[1]
