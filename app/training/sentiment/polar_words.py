"""Words that please or hurt wherever they stand, for picking plain facts out of running text.

Knows words, no sentences. Written for this; no published lexicon was copied.
"""

import re
from typing import Final, Literal


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_GLAD: Final = _words(
    """
    admire admired adorable adore adores affectionate agreeable amazing amused amusing applaud
    applauded appreciate appreciated attractive awarded awesome bargain beautiful beautifully
    blessed blessing bliss brave bravo bright brilliant brilliantly captivating celebrate
    celebrated charmed charming cheered cheerful cheers comfort comfortable comforting compliment
    complimented congratulate congratulated congratulations considerate content cosy courageous
    courteous cozy creative cured cute darling dearly decent delicious delight delighted
    delightful delights dependable deserved devoted ecstatic effortless elegant enchanted
    enchanting encouraging energetic enjoy enjoyable enjoyed enjoying entertaining enthralled
    enthusiasm enthusiastic excellent exceptional excited exciting exquisite fabulous faithful
    fantastic fascinated fascinating favorite favourite finest flawless fortunate fortunately
    friendly gem generous genius genuine gifted glad glorious gorgeous gracious grateful great
    greatest grin grinned handsome happier happiest happily happiness happy helpful hospitable
    hospitality hugged humor ideal impress impressed impressive improved improvement improves
    incredible inspired inspiring intuitive jolly joyful jubilant kindest kindly kindness laugh
    laughed laughing laughs laughter likable likeable lovable love loved lovely loves loving loyal
    luckily lucky magical magnificent marvelous masterpiece merciful miracle neat nicer nicest
    optimistic outstanding overjoyed paradise passionate patient peaceful perfect perfectly
    phenomenal playful pleasant pleasantly pleased pleases pleasure polite praised precious prize
    promising protects proud punctual reassuring recommend refreshing reliable relief relieved
    remarkable rescued respect rewarded rewarding satisfactory satisfied satisfying sensational
    sensible sincere skillful smile smiled smiles smiling smooth smoothly spectacular splendid
    spotless stunning stylish succeeded succeeds success successful superb superior supportive
    sweet sweetheart sympathetic talent talented tasty tender terrific terrifically thank thanked
    thankful thanks thoughtful thrilled thrilling triumph trusted trustworthy unforgettable
    uplifting victory vivid warm-hearted warmly witty wonderful wonderfully worthy wow yummy
    """
)
_SORRY: Final = _words(
    """
    abandon abandoned abuse abused accident accidents accuse accused ache aching addicted
    afflicted aggressive agony alarming alcoholic ambushed anger angry annoy annoyed annoying
    annoys antisocial anxiety anxious apologise apologize appalled appalling arrest arrested
    arrogant ashamed assault assaulted attack attacked awful awkward bad badly baffled bankrupt
    bankruptcy beaten begged betrayed bitten bitter blackmail blame blamed bleak bleeding bloody
    bluffing blunder bomb bombed bore boring bothered bothering breakdown bribe bribed broke
    broken brutal bullied bully burglar burnt cancer careless carelessly catastrophe chaos cheat
    cheated cheating choke choked clueless clumsy collapse collapsed complained complaining
    complaint complaints condemned confused conned contaminated contempt corrupt coward cowardly
    cramped crap crash crashed crazy crime criminal crisis criticized cruel cruelty crushed cursed
    cynical damage damaged damn danger dangerous dead deadly death deceitful deceive deceived
    deception defeat defeated defective deformed degrading denounced depressed depressing deprived
    deserted despair desperate despise despised destroy destroyed deteriorate deteriorated
    devastated devastating die died dies dirtiest disabled disagreeable disappoint disappointed
    disappointing disappointment disappoints disaster disease disgrace disgust disgusted
    disgusting dishonest dishonor dislike disobeyed disrespectful distressed disturb disturbed
    disturbing divorce dizzy doomed drab dread dreadful drown drowned drunken dull dump dumped
    egoistic embarrassed embarrassing embarrassment evil exasperated exhausted exploded exploited
    explosion fail failed fails failure faint fainted fake famine fatal fear feared fearful filthy
    flimsy flood flop foolish fools forged fraud freaked frighten frightened frightening
    frustrated frustrating furious fuss garbage gloomy greedy grief grieving grim gross grudge
    grumbling grumpy guilt guilty harassed hardship harm harmed harmful harsh hate hated hates
    hatred haunted headache heartbroken heartless hell helpless hideous hoax homeless homesick
    hopeless hopelessly horrible horrified horrifying hostage hostile humiliated humiliating
    humiliation hungry hurt hurting hurts hypocrite hysterical idiot idiotic idiots ignorant
    ignore ignored illegal illness immature immoral impatient impossible inadequate incompetent
    inconvenience inconvenient indifferent infected inferior inhuman injured injury injustice
    insane insolent insufferable insult insulted insulting intolerable irresponsible irritable
    irritated irritating jail jealous jealousy jerk kill killed killer killing lacks lame laziness
    lazy liar liars lied loathe loneliness lonely lonesome lousy lying malicious mediocre
    melancholy mess miserable misery misfortune misled mistreated misunderstanding moan mocked
    monster moody moron mourning mugged murder murdered murderer mutilated nagging nasty naughty
    nauseous needlessly neglected neglects nightmare nightmares noise noisily noisy nonsense
    nuisance obnoxious obscene offended outrage outraged outrageous overcharged overpriced
    overweight pain painful painfully panicked paranoid pathetic penniless perished pessimistic
    pest pickpocket pity poison poisoned poisonous polluted pollution powerless prejudice prison
    protest punishment pus quarreled quarreling racist rage rain-soaked rant raped rash rebuked
    reckless regrettable reject rejected repulsive resented resentful revenge revolting ridiculous
    robbed robber robbery rotten rude rudely ruin ruined ruining ruthless sad sadder saddest
    sadness scam scandal scared scars scary scold scolded scolding scream screamed screaming
    selfish severe shabby shame shameful shameless sickness slander slaughter smashed smelly sob
    sobbed sobbing sorely sorrow spiteful spoiled stabbed starve starved starving stench stink
    stinks stinky stole stolen stranded strangled stress stressed struggle struggled struggling
    stubborn stuffy stupid stupidity suffer suffered suffering sufferings suffocated suffocating
    suicide sulking suspect suspicious swindled tactless tasteless tedious terrible terribly
    terrified terror terrorist thief threat threaten threatened threatening threats tiresome
    torment torture tortured toxic tragedy tragic trapped trash traumatic treason troubled
    troublesome tyrant ugly unable uncomfortable uneasy unemployed unemployment unfair
    unforgivable unfortunately unfriendly ungrateful unhappy unhealthy unkind unlucky unpleasant
    unreliable unsafe unsuccessful unwelcome upset upsets upsetting useless vain vandalized
    vicious victim villain violence violent violently vomit vomited vulgar waste wasted wasteful
    weaknesses weep weeping wept whined whining wicked worries worrying worse worsened worsening
    worst worthless wound wounded wounds wrecked wretched yelled yelling
    """
)
# These may please or hurt, or say nothing.
_UNCLEAR: Final = _words(
    """
    addict afraid alone amaze amazed argue argued arguing arrogance awake beat beg best better
    blind blood boast boasted bored bother brag break burned cheap cheer clever clumsily complain
    confess confessed confident convince convinced cried cry crying cure dare darker deaf debt
    decay delay delayed desire destroying difficult dirty disagree disagreed doubt doubtful dream
    dreamed dreams drunk dumb dying eager eagerly ease easier easy emergency enemies enemy error
    escape escaped excuse excused exhausting expect expected expensive fair famous fancy fat fault
    fell fight fighting fired fit fond fool forbidden forget forgive forgiven forgot fortune
    fought fresh friend friends frown fun funny ghost gift grave greet gun handy hard harder
    healthy help helped helping helps hero holiday honest honor honour hot hug hungrier hurry ill
    improve innocent interesting joke joked jokes joy keen kind kiss knife lack lazier leak lie
    lies like liked likes lose loses losing loss lost loud lovesick luck mad mean mercy merry
    messy miss missed missing mistake mistaken mistakes neatly nervous nice obey odd overslept
    panic party passion pay peace peacefulness poor popular powerful praise present pretty pride
    problem problems promise promised protect protested proudly punish punished quarrel quiet quit
    rare refuse refused refuses refusing regret regrets reluctant reluctantly rely rich risk risky
    romantic rough safe safely save saved selfless serious shock shocked shot shouted shut shy
    sick silly sin slap sleepy slim slow smart sorry spoil steal steals strange stranger strict
    strong stuck succeed suitable super support surprise surprised surprising survive survived
    suspected tears temper tense thick thirsty threatens threw tire tired tough trap treasure
    tremble trembled trick tricked trouble true trust trusts truth urgent useful war warn warned
    weak wealth wealthy weird welcome well win winner winning wins wise wish wished won wonder
    wondered worn worried worry worth worthwhile wrong yell
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
