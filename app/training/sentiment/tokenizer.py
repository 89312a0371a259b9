"""Fits the tokeniser of a text task on training text; knows no labels and no networks.

Everything a text goes through stands in the one file that is written, so that training and
serving read the same tokens.
"""

from collections.abc import Iterable
from typing import Final

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers

from app.features.text import PAD, UNKNOWN

# In this order. Offsets survive all of it: a token still points into the text that was sent.
_REPLACEMENTS: Final = (
    (r"<br\s*/?>", " "),
    (r"https?://\S+|www\.\S+", " xxlink "),
    (r"@\w+", " xxuser "),
    (r"&amp;", "&"),
    (r"&lt;", "<"),
    (r"&gt;", ">"),
    (r"[\u2018\u2019\u0060\u00b4]", "'"),
    (r"''", '"'),
    (r"[\u201c\u201d]", '"'),
    (r"-lrb-", "("),
    (r"-rrb-", ")"),
    # First, since a search for what follows a run of blanks takes the square of its length.
    (r"\s+", " "),
    # Treebanks write "do n't" and "it 's".
    (r" (?=n't\b)", ""),
    (r"(?<=\w) (?='(?:s|re|ve|ll|d|m)\b)", ""),
    # Soooo and !!!!! say no more than soo and !!.
    (r"([^\W\d_]|[!?.*\-=])(?=\1\1)", ""),
)
# A word with its apostrophes, so that a negation stays one word; an emoticon; a run of full
# stops or exclamation marks; else one character.
_TOKEN: Final = r"[^\W_]+(?:'[^\W_]+)*|[:;=][\-']?[()\[\]dp/\\|]|[.!?]{2,}|\S"


def normalizer() -> normalizers.Normalizer:
    """What every text goes through before it is cut into words."""
    replacements = (normalizers.Replace(Regex(pattern), new) for pattern, new in _REPLACEMENTS)
    return normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase(), *replacements])


def fit_tokenizer(texts: Iterable[str], vocabulary_size: int) -> Tokenizer:
    """Byte-pair encoding (Sennrich et al. 2016, algorithm 1) of words and signs in lower case.

    Characters that `texts` show too seldom to enter the alphabet become the unknown token. Of
    pairs that are equally frequent the library merges any first: keep the result, since another
    fit on the same texts gives other tokens.
    """
    tokenizer = Tokenizer(models.BPE(unk_token=UNKNOWN, fuse_unk=True))
    tokenizer.normalizer = normalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(_TOKEN), "removed", invert=True)
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary_size,
        special_tokens=[PAD, UNKNOWN],
        limit_alphabet=400,
        continuing_subword_prefix="##",
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer
