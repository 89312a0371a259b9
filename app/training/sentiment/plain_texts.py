"""Makes plain sentences with labels: praise, blame and facts of daily life; knows words and rules.

Tweets to airlines and film reviews teach a classifier what films and airlines are praised for, and
that every sentence judges. These teach the rest: what is negated, what is said of other things, and
that "the train leaves at nine" says neither. Templates with slots, as in Ribeiro et al. (2020),
"Beyond Accuracy: Behavioral Testing of NLP Models with CheckList", section 2, here for training.
"""

import hashlib
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Final, Literal

from app.training.sentiment import plain_words as words
from app.training.sentiment.labels import LABELS, Label
from app.training.sentiment.plain_templates import BLAME, FACTS, PRAISE
from app.training.sentiment.plain_words import FIELDS, Field, Words

Part = Literal["train", "select"]

_TENTHS_HELD: Final = 2  # of ten words


def plain_texts(part: Part, count: int, seed: int = 0) -> Iterator[tuple[str, Label]]:
    """`count` different sentences, a third of each label.

    The words of the slots are not those of the other part; the templates are the same.
    """
    rng = random.Random(f"{seed} {part}")
    maker = _Maker(rng, part)
    seen: set[str] = set()
    while len(seen) < count:
        label = LABELS[len(seen) % len(LABELS)]
        text = styled(maker.sentence(label), rng)
        if text.lower() not in seen:
            seen.add(text.lower())
            yield text, label


class _Maker:
    """Draws sentences out of the words of one part."""

    def __init__(self, rng: random.Random, part: Part) -> None:
        self._rng = rng
        self._part = part
        self._kept: dict[Words, Words] = {}

    def sentence(self, label: Label) -> str:
        if label == "neutral":
            return self._neutral()
        return self._judged(label == "positive")

    def _one(self, choices: Words) -> str:
        """One of the words that this part has."""
        if choices not in self._kept:
            held = self._part == "select"
            mine = tuple(word for word in choices if _held_out(word) == held)
            self._kept[choices] = mine or choices
        return self._rng.choice(self._kept[choices])

    def _pick(self, choices: Sequence[str]) -> str:
        return self._rng.choice(choices)

    def _judged(self, good: bool) -> str:
        makers: tuple[tuple[int, Callable[[bool], str]], ...] = (
            (30, self._said_of_thing),
            (12, self._two_things),
            (10, self._bare),
            (10, self._attributed),
            (10, self._felt),
            (12, self._liked),
            (8, self._turned),
            (18, self._idiom),
        )
        (make,) = self._rng.choices([each for _, each in makers], [share for share, _ in makers])
        return make(good)

    def _field(self) -> Field:
        return self._rng.choice(FIELDS)

    def _adjective(self, field: Field, good: bool) -> str:
        if self._rng.random() < 0.4:
            return self._one(words.GOOD if good else words.BAD)
        return self._one(field.good if good else field.bad)

    def _predicate(self, field: Field, good: bool) -> str:
        """What follows "is": plainly, or the contrary denied."""
        straight, contrary = self._adjective(field, good), self._adjective(field, not good)
        if self._rng.random() < 0.5:
            how = self._pick(("", "", "", "very ", "really ", "so ", "extremely ", "quite "))
            if self._rng.random() < 0.25:
                return f"{how}{straight} and {self._adjective(field, good)}"
            return f"{how}{straight}"
        denials = ["not {}", "not {} at all", "anything but {}", "far from {}", "never {}"]
        if good:
            denials += ["not at all {}", "not in the least {}", "not {} in any way"]
        else:
            denials += ["not very {}", "not that {}", "hardly {}", "not really {}", "not so {}"]
            denials += ["not as {} as I had hoped", "less {} than I expected"]
        return self._pick(denials).format(contrary)

    def _said(self, field: Field, good: bool, be: str) -> str:
        predicate = self._predicate(field, good)
        if predicate.startswith("not ") and self._rng.random() < 0.6:
            return f"{be}n't {predicate.removeprefix('not ')}"
        return f"{be} {predicate}"

    def _be(self) -> str:
        return self._pick(("is", "was"))

    def _thing(self, field: Field) -> str:
        return f"{self._pick(('the', 'the', 'the', 'our', 'this', 'that', 'my'))} " + self._one(
            field.things
        )

    def _said_of_thing(self, good: bool) -> str:
        field = self._field()
        end = self._pick(("",) * 6 + (" to be honest", " this time", " again", " in my opinion"))
        return f"{self._thing(field)} {self._said(field, good, self._be())}{end}"

    def _two_things(self, good: bool) -> str:
        one, other = self._field(), self._field()
        be = self._be()
        link = self._pick((" and", ", and", ",", ". Also"))
        return (
            f"the {self._one(one.things)} {self._said(one, good, be)}{link} "
            f"the {self._one(other.things)} {self._said(other, good, be)}"
        )

    def _bare(self, good: bool) -> str:
        field = self._field()
        if self._rng.random() < 0.5:
            return self._predicate(field, good)
        who = self._pick(("it", "this", "that", "everything", "all of it"))
        return f"{who} {self._said(field, good, self._be())}"

    def _attributed(self, good: bool) -> str:
        field = self._field()
        adjective, thing = self._adjective(field, good), self._one(field.things)
        forms = ["what a {a} {t}", "{a} {t}", "such a {a} {t}", "a really {a} {t}"]
        forms += ["we had a {a} {t}", "{a} {t}, {b} {u}", "{a} and {b} {t}"]
        if good:
            forms += ["the best {t} in town", "the finest {t} I know", "not the worst {t}"]
            forms += ["one of the best {ts} we have had", "could not have found a better {t}"]
        else:
            forms += ["the worst {t} in town", "not the best {t}", "not exactly a {c} {t}"]
            forms += ["one of the worst {ts} we have had", "never seen a worse {t}"]
        other = self._field()
        return self._pick(forms).format(
            a=adjective,
            t=thing,
            ts=_plural(thing),
            b=self._adjective(field, good),
            u=self._one(other.things),
            c=self._adjective(field, not good),
        )

    def _felt(self, good: bool) -> str:
        straight = self._one(words.GLAD if good else words.SORRY)
        contrary = self._one(words.SORRY if good else words.GLAD)
        who, be = self._pick(("I am", "we are", "she is", "I was")).split()
        about = self._pick(("", "", " with it", f" with the {self._one(self._field().things)}"))
        forms = ["{w} {b} {s}{a}", "{w} {b} so {s}{a}", "{w} {b} really {s} right now"]
        forms += ["{w} {b} not {c}{a}", "{w} {b} not {c} at all", "{w} {b} not {c} any more"]
        forms += ["it makes me {s}", "not {c}{a}"]
        if good:
            forms += ["{w} could not be happier", "{w} could not be more {s}", "{w} {b} never {c}"]
        return self._pick(forms).format(w=who, b=be, s=straight, c=contrary, a=about)

    def _liked(self, good: bool) -> str:
        like, dislike = self._one(words.LIKE), self._one(words.DISLIKE)
        thing = self._pick(("it", "this", self._thing(self._field())))
        if good:
            forms = ["I {l} {t}", "I really {l} {t}", "we {l} {t}", "I did not {d} {t}"]
            forms += ["I don't {d} {t}", "would {l} {t} again", "I can only recommend {t}"]
            forms += ["I can't recommend {t} enough", "{l} {t}", "you will {l} {t}"]
            forms += ["everybody {l}s {t}", "would buy {t} again", "I will come back for {t}"]
        else:
            dislike = "hate" if dislike == "mind" else dislike
            forms = ["I {d} {t}", "I really {d} {t}", "I don't {l} {t}", "I do not {l} {t} at all"]
            forms += ["I did not {l} {t}", "we didn't {l} {t}", "I would not {l} {t}"]
            forms += ["can't {l} {t}", "nobody {l}s {t}", "{d} {t}", "I can't stand {t}"]
            forms += ["would not buy {t} again", "I won't come back for {t}", "stay away from {t}"]
        return self._pick(forms).format(l=like, d=dislike, t=thing)

    def _turned(self, good: bool) -> str:
        field = self._field()
        before, after = self._adjective(field, not good), self._adjective(field, good)
        forms = ["I expected {b} but it was {a}", "I thought it would be {b}, it was {a}"]
        forms += ["people said it was {b}; I found it {a}", "it used to be {b}, now it is {a}"]
        forms += ["{n} and {a}", "not {b}, {a}", "not {b} at all, {v}", "{n}, {v}"]
        verdicts = ("loved it", "enjoyed it", "will come again", "recommended") if good else ()
        verdict = self._pick(verdicts or ("hated it", "left early", "avoid", "never again"))
        denied = self._pick(("not {}", "not {} at all", "isn't {}", "wasn't {}")).format(before)
        return self._pick(forms).format(b=before, a=after, n=denied, v=verdict)

    def _idiom(self, good: bool) -> str:
        thing, number = self._thing(self._field()), self._one(words.NUMBERS)
        form = self._pick(PRAISE if good else BLAME)
        return form.format(
            t=thing,
            n=number,
            thing=self._one(self._field().things),
            joy=self._one(words.JOYS),
            woe=self._one(words.WOES),
        )

    def _neutral(self) -> str:
        field = self._field()
        thing, other = self._one(field.things), self._one(self._field().things)
        return self._pick(FACTS).format(
            t=thing,
            u=other,
            ts=_plural(thing),
            us=_plural(other),
            e=self._one(words.EVEN),
            c=self._one(words.COLOURS),
            w=self._one(words.NAMES),
            p=self._one(words.PLACES),
            q=self._one(words.PLACES),
            d=self._one(words.DAYS),
            n=self._one(words.NUMBERS),
            x=self._one(words.DOCUMENTS),
            j=self._one(words.JOBS),
            good=self._adjective(field, True),
            bad=self._adjective(field, False),
        )


def _held_out(word: str) -> bool:
    """Two words in ten, by a hash, belong to the held-out part."""
    return hashlib.sha256(word.encode()).digest()[0] % 10 < _TENTHS_HELD


def _plural(thing: str) -> str:
    if thing.endswith("y") and thing[-2] not in "aeiou":
        return thing[:-1] + "ies"
    if thing == "series":
        return thing
    return thing + ("es" if thing.endswith(("s", "ch", "sh")) else "s")


def styled(text: str, rng: random.Random) -> str:
    """As people write: with or without capitals, an end, a shout, a name in front."""
    roll = rng.random()
    question = text.endswith("?")
    if roll < 0.55:
        text = text[0].upper() + text[1:]
    if rng.random() < 0.3:
        text = text.replace("n't", rng.choice(("nt", "n\u2019t")))
    if not question and rng.random() < 0.6:
        text += rng.choice((".", ".", ".", "!", "!!", "..."))
    if rng.random() < 0.05:
        text = f"@{rng.choice(words.NAMES)} {text}"
    return text
