"""The words in the slots of the everyday templates; knows words, not sentences."""

from typing import Final

from app.training.sentiment import plain_words as plain


def _listed(text: str) -> tuple[str, ...]:
    return tuple(word.replace("_", " ") for word in text.split())


NAMES: Final = plain.NAMES + _listed(
    "Ali Amara Chen Diego Elena Fatima Hiro Ivan Jamal Kavya Lars Mei Nadia Omar Priya Tom Mary "
    "Susan Paul Linda"
)
PLACES: Final = plain.PLACES + _listed(
    "Lagos Lima Cairo Delhi Tokyo Norway Spain Kenya Peru Canada Poland Texas Ohio Kent Cardiff "
    "Glasgow Turin Munich"
)

SLOTS: Final[dict[str, tuple[str, ...]]] = {
    "we": ("I", "I", "We"),
    "who": ("I", "He", "She", "My brother", "My aunt", *NAMES),
    "it": ("It", "It", "This", "That", "The whole thing", "The service", "The app", "The room"),
    "could not": ("could not", "couldn't"),
    "would not": ("would not", "wouldn't"),
    "cannot": ("cannot", "can't"),
    "do not": ("do not", "don't"),
    "is not": ("is not", "isn't"),
    "will not": ("will not", "won't"),
    "name": NAMES,
    "place": PLACES,
    "day": plain.DAYS[:-2],
    "month": _listed(
        "January February March April May June July August September October November December"
    ),
    "year": tuple(str(year) for year in range(1790, 2024, 7)),
    "number": (*plain.NUMBERS, *_listed("5 6 8 12 18 30 60 75 90 120 250 800 1500 1.5 2.4 3.5")),
    "colour": plain.COLOURS,
    "file": _listed(
        "report invoice contract letter document photo list table folder form receipt schedule "
        "agenda manual draft backup slide ticket note plan"
    ),
    "files": _listed("files contacts photos settings drafts messages records appointments notes"),
    "feature": _listed(
        "search export login calendar chat dashboard editor map upload payment_page mobile_app "
        "filter preview import printing sharing site"
    ),
    "screen": _listed("page screen form window menu app program site tablet editor"),
    "machine": _listed(
        "printer scanner router dishwasher boiler pump copier coffee_machine lift heater fridge"
    ),
    "update": _listed("update upgrade migration import restart move"),
    "I act": ("I type", "I save", "I scroll", "I log in", "I open a file", "someone calls"),
    "do it": ("log in", "pay", "print", "save", "open the {file}", "send the {file}"),
    "list": _listed("sales_group mailing_list project team calendar folder board"),
    "account": _listed("account mailbox profile"),
    "meeting": _listed("meeting call workshop interview appointment review lesson lunch"),
    "meal": _listed("dinner evening lunch party weekend flowers book"),
    "day out": _listed("day evening weekend trip concert stay"),
    "great": _listed("great wonderful lovely fantastic superb brilliant marvellous"),
    "success": _listed("success exam new_job award promotion engagement baby"),
    "body": _listed("council committee parliament court board senate jury ministry commission"),
    "official": _listed("minister mayor president director chairman judge ambassador spokesman"),
    "company": _listed("company group bank airline carmaker retailer supplier publisher"),
    "report": _listed("report figures results details plan budget verdict"),
    "part": _listed(
        "device unit cable housing handle lid panel sensor lens filter pump motor frame battery "
        "case hinge strap zip shelf wheel"
    ),
    "method": _listed("method function command query script parser call"),
    "stuff": _listed(
        "this_song these_shoes this_game that_show this_place those_fries this_album that_party "
        "my_new_phone this_app her_outfit that_movie these_vibes this_drink"
    ),
    "spot": _listed(
        "gym park station library school church harbour museum market bakery pool office cinema "
        "town_hall bridge castle theatre post_office pharmacy"
    ),
    "food": _listed("coffee tea pizza bread milk soup rice cake fish cheese fruit pasta beer"),
    "person": _listed("waiter host guide driver nurse clerk owner landlord salesman doctor"),
    "kin": _listed("mother father son daughter wife husband grandmother dad mum sister uncle"),
    "animal": _listed("dog cow bee horse bird cat spider whale frog snake elephant tiger ant"),
    "thing": tuple(thing for field in plain.FIELDS for thing in field.things if " " not in thing),
    "money": _listed("money price trip wait effort"),
    "good": (*plain.GOOD, "nice", "worth it", "well made", "a good idea", "fun", "helpful"),
    "bad": (*plain.BAD, "rude", "boring", "a waste", "badly made", "annoying", "slow"),
}
"""Of every slot its words; a word may hold slots itself."""
