"""The words that plain sentences are made of; knows words, not sentences."""

from dataclasses import dataclass
from typing import Final

Words = tuple[str, ...]


@dataclass(frozen=True)
class Field:
    """Things of one kind, and what is said of them when they please and when they do not."""

    things: Words
    good: Words
    bad: Words


def _words(text: str) -> Words:
    return tuple(word.replace("_", " ") for word in text.split())


FIELDS: Final = (
    Field(
        _words(
            "room bed bathroom bedroom kitchen hotel flat apartment house cabin hostel lobby suite "
            "balcony garden pool sofa chair mattress tent office"
        ),
        _words(
            "clean spotless comfortable spacious quiet cosy bright tidy airy warm modern roomy "
            "well-kept inviting elegant"
        ),
        _words(
            "dirty noisy cramped smelly damp dark shabby filthy cold draughty tiny stuffy mouldy "
            "run-down grubby uncomfortable"
        ),
    ),
    Field(
        _words(
            "waiter waitress driver doctor nurse teacher receptionist neighbour guide landlord "
            "manager plumber dentist barber cashier host mechanic tutor instructor pharmacist"
        ),
        _words(
            "friendly kind helpful polite patient attentive professional welcoming caring "
            "thoughtful competent honest generous courteous cheerful knowledgeable"
        ),
        _words(
            "rude unfriendly impatient arrogant careless lazy dismissive unhelpful clueless "
            "grumpy dishonest incompetent hostile condescending sloppy pushy"
        ),
    ),
    Field(
        _words(
            "soup pizza coffee bread fish steak dessert salad curry burger pasta cake breakfast "
            "lunch dinner tea sandwich rice sauce wine beer cheese"
        ),
        _words(
            "delicious tasty fresh crisp juicy tender flavourful mouth-watering creamy filling "
            "scrumptious well-seasoned yummy"
        ),
        _words(
            "bland tasteless burnt stale greasy soggy salty undercooked rotten lukewarm dry bitter "
            "rancid overcooked inedible watery"
        ),
    ),
    Field(
        _words(
            "phone laptop camera battery printer keyboard headset watch charger vacuum bicycle car "
            "jacket backpack kettle lamp drill mower screen bag blender shirt coat tablet"
        ),
        _words(
            "fast reliable sturdy light durable affordable handy robust solid sleek powerful "
            "well-made good_value accurate lightweight"
        ),
        _words(
            "slow unreliable flimsy heavy overpriced faulty expensive fragile cheaply_made "
            "defective bulky worn_out broken inaccurate clunky loud"
        ),
    ),
    Field(
        _words(
            "app website update software program interface search game tool service support "
            "checkout dashboard form editor plugin browser player"
        ),
        _words(
            "intuitive stable responsive simple easy_to_use quick efficient dependable smooth "
            "well_documented convenient secure"
        ),
        _words(
            "buggy confusing unstable clumsy sluggish laggy hard_to_use messy insecure annoying "
            "complicated unusable outdated cluttered"
        ),
    ),
    Field(
        _words(
            "concert lecture party trip course match talk exhibition tour festival workshop film "
            "book novel song show story series play wedding class holiday conference podcast"
        ),
        _words(
            "exciting fascinating fun inspiring entertaining well_organised memorable funny moving "
            "clever enjoyable interesting gripping charming refreshing"
        ),
        _words(
            "boring dull tedious chaotic forgettable pointless tiresome badly_organised "
            "predictable irritating depressing endless silly shallow tasteless repetitive"
        ),
    ),
    Field(
        _words(
            "town street park beach museum village market square station café restaurant bar shop "
            "school hospital gym library harbour valley island"
        ),
        _words(
            "beautiful lovely peaceful picturesque lively safe well_run stunning pretty pleasant "
            "delightful relaxing"
        ),
        _words(
            "ugly crowded dirty dangerous neglected gloomy overcrowded unsafe badly_run hideous "
            "polluted dreary"
        ),
    ),
)

GOOD: Final = _words(
    "good great excellent wonderful perfect amazing fantastic brilliant superb nice awesome "
    "outstanding impressive terrific splendid fabulous marvellous magnificent first-rate top-notch "
    "incredible satisfying"
)
BAD: Final = _words(
    "bad terrible awful horrible poor dreadful disappointing lousy atrocious mediocre miserable "
    "unpleasant appalling useless pathetic abysmal disgusting horrendous second-rate unacceptable "
    "crap lame"
)
GLAD: Final = _words(
    "happy delighted pleased thrilled grateful proud glad satisfied relieved excited impressed "
    "cheerful optimistic content"
)
SORRY: Final = _words(
    "sad angry upset disappointed annoyed frustrated furious worried miserable unhappy bored "
    "ashamed afraid disgusted irritated heartbroken"
)
JOYS: Final = _words(
    "joy pleasure delight comfort luck success help support respect humour charm quality taste "
    "warmth value excitement"
)
WOES: Final = _words(
    "trouble delay mistake stress noise fuss pain queue error crash problem complaint hassle "
    "defect bug disappointment damage"
)
LIKE: Final = _words("like love enjoy recommend appreciate adore")
DISLIKE: Final = _words("hate dislike regret despise mind")
EVEN: Final = (
    "okay",
    "ok",
    "average",
    "fine I guess",
    "neither good nor bad",
    "so-so",
    "acceptable",
    "nothing special but fine",
    "as expected",
    "middle of the road",
    "ordinary",
    "standard",
)
COLOURS: Final = _words("red blue green black white grey brown yellow")
NAMES: Final = _words(
    "Anna Ben Clara David Emma Frank Grace Henry Ines Jack Karen Leo Maria Noah Olga Peter Rosa "
    "Sam Tina Victor"
)
PLACES: Final = _words(
    "Berlin Madrid Oslo Lisbon Vienna Dublin Rome Prague Chicago Boston Denver Seattle Toronto "
    "Sydney Leeds Bristol Lyon Geneva"
)
DAYS: Final = _words("Monday Tuesday Wednesday Thursday Friday Saturday Sunday today tomorrow")
NUMBERS: Final = _words("two three four five six seven eight ten twelve twenty fifty 2 3 4 15 40")
DOCUMENTS: Final = _words(
    "invoice report form contract receipt letter menu list map timetable address photo password "
    "parcel key ticket calendar file"
)
JOBS: Final = _words(
    "accountant baker carpenter cook engineer farmer gardener lawyer librarian painter pilot sailor"
)
