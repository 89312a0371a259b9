"""Words that please or hurt wherever they stand, for picking plain facts out of running text.

Knows words, no sentences. Written for this; no published lexicon was copied.
"""

import re
from typing import Final, Literal


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_GLAD: Final = _words(
    """
    admire admired adorable adore amazing amused amusing awesome beautiful beautifully brave
    bravo brilliant celebrate celebrated charming cheerful comfortable congratulations cozy cute
    darling delicious delighted delightful elegant encouraging enjoy enjoyed enjoying
    enthusiastic excellent excited exciting fabulous fantastic fascinating favorite favourite
    finest fortunate fortunately friendly generous genius glad gorgeous grateful great greatest
    handsome happier happiest happily happiness happy helpful humor impressed impressive
    improved incredible inspiring kindness laugh laughed laughing laughter love loved lovely
    loves loving luckily lucky magnificent marvelous nicer nicest outstanding paradise
    passionate peaceful perfect perfectly pleasant pleased pleasure polite praised prize proud
    recommend refreshing relieved remarkable rescued respect satisfied smile smiled smiling
    splendid stunning succeeded success successful superb sweet sweetheart talented terrific
    thank thanked thankful thanks thrilled triumph trusted victory warm-hearted wonderful
    wonderfully wow
    """
)
_SORRY: Final = _words(
    """
    abandoned abuse abused accident accidents accuse accused ache anger angry annoyed annoying
    anxious apologise apologize arrest arrested ashamed attack attacked awful awkward bad badly
    baffled beaten betrayed bitter blame blamed bleeding bomb bore boring bothered broke broken
    bully cancer cheat cheated clumsy complained complaint confused contempt corrupt coward
    crash crashed crazy crime criminal crisis cruel cursed damage damaged danger dangerous dead
    death defeat defeated depressed depressing desperate despise destroy destroyed die died dies
    disappoint disappointed disappointing disappointment disaster disease disgusting dishonest
    dislike disturb divorce dreadful drown drowned dull embarrassed evil exhausted fail failed
    fails failure fake fear feared flood foolish frightened frustrated frustrating fuss garbage
    gloomy greedy guilty hardship harm hate hated hates hell hopeless horrible hurt hurts idiot
    ignorant ignore ignored illegal illness impatient impossible injured insane insult insulted
    jail jealous kill killed laziness lazy liar lied lonely mess miserable misunderstanding
    monster murder murdered nasty nightmare noise noisy nonsense nuisance offended pain painful
    pathetic pity poison prison protest punishment rain-soaked reject rejected ridiculous robbed
    rotten rude ruin ruined sad sadness scared scary scold scolded scream screamed selfish
    severe shame sickness sorrow stink stole stolen stress stupid suffer suffered suffering
    suicide suspect suspicious terrible terribly terrified terror thief threatened tragedy
    tragic trapped troubled ugly unable unfair unfortunately unhappy unkind upset useless vain
    victim violence violent waste wasted worries worrying worse worst wound wounded
    """
)
# These may please or hurt, or say nothing.
_UNCLEAR: Final = _words(
    """
    afraid alone argue argued arguing beat best better blind blood bored bother break burned
    cheer clever complain cried cry crying deaf debt delay delayed difficult dirty doubt drunk
    dumb dying emergency enemies enemy error expensive famous fault fell fight fighting fired
    fond fool forgot fought fun funny ghost gift gun hard hero honest honor honour hug ill
    interesting joy kind kiss knife lack leak lie lies like liked likes lose loses losing loss
    lost loud luck mad mean merry miss missed missing mistake mistaken mistakes nervous nice
    panic peace poor praise pretty pride problem problems punish punished quarrel quit refuse
    refused regret regrets romantic rough safe safely saved shocked shot shouted shut sick sin
    slap slow smart sorry steal strange stuck succeed super tears tense threw tired tough trap
    treasure trouble urgent war warn warned weak weird welcome win winner wins wise won worn
    worried worry worth worthwhile wrong
    """
)
# In a sentence with one of these nothing is said about what the others mean.
_TURNS: Final = _words(
    """
    ain't although barely but can't cannot couldn't despite didn't doesn't don't hadn't hardly
    hasn't haven't hope hopes if isn't may might mightn't mustn't needn't neither never no
    nobody none nor not nothing nowhere ought rarely seldom should shouldn't so too unless
    wasn't weren't wish without won't would wouldn't yet
    """
)
_WORD: Final = re.compile(r"[a-z]+(?:['\u2019][a-z]+)?")

Leaning = Literal["glad", "sorry", "mixed", "none"]


def leaning(text: str) -> Leaning:
    """Which of the two kinds of words stand in `text`; `mixed` where that is left open."""
    words = {word.replace("\u2019", "'") for word in _WORD.findall(text.lower())}
    glad, sorry = bool(words & _GLAD), bool(words & _SORRY)
    turned = bool(words & _TURNS) or "?" in text
    if (glad and sorry) or (turned and (glad or sorry)):
        return "mixed"
    if glad:
        return "glad"
    if sorry:
        return "sorry"
    return "mixed" if words & (_TURNS | _UNCLEAR) else "none"
