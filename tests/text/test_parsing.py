import pytest

from actret_core.data.playground.actions import PLAYGROUND_ACTIONS, PLAYGROUND_CAPTIONS
from actret_core.data.readers.voc2012 import ACTIONS as VOC
from actret_core.errors import TextError
from actret_core.text.parsing import parse, parse_query, split_words
from actret_core.text.phrase import Phrase

STANFORD40 = """
applauding: applaud | blowing_bubbles: blow bubble | brushing_teeth: brush tooth | cleaning_the_floor: clean floor |
climbing: climb | cooking: cook | cutting_trees: cut tree | cutting_vegetables: cut vegetable | drinking: drink |
feeding_a_horse: feed horse | fishing: fish | fixing_a_bike: fix bike | fixing_a_car: fix car | gardening: garden |
holding_an_umbrella: hold umbrella | jumping: jump | looking_through_a_microscope: look-through microscope |
looking_through_a_telescope: look-through telescope | playing_guitar: play guitar | playing_violin: play violin |
pouring_liquid: pour liquid | pushing_a_cart: push cart | reading: read | phoning: phone | riding_a_bike: ride bike |
riding_a_horse: ride horse | rowing_a_boat: row boat | running: run | shooting_an_arrow: shoot arrow | smoking: smoke |
taking_photos: take photo | texting_message: text message | throwing_frisby: throw frisby |
using_a_computer: use computer | walking_the_dog: walk dog | washing_dishes: wash dish | watching_TV: watch tv |
waving_hands: wave hand | writing_on_a_board: write-on board | writing_on_a_book: write-on book"""
PLAYGROUND = """
brushing_teeth: brush tooth | drinking: drink | feeding_a_horse: feed horse | fixing_a_bike: fix bike |
flying_a_kite: fly kite | hiking: hike | phoning: phone | riding_a_bike: ride bike | riding_a_horse: ride horse |
strolling_in_the_city: stroll-in city | walking_a_dog: walk dog | walking_on_the_beach: walk-on beach"""
VOC2012 = """
jumping: jump | phoning: phone | playinginstrument: play instrument | reading: read | ridingbike: ride bike |
ridinghorse: ride horse | running: run | takingphoto: take photo | usingcomputer: use computer | walking: walk"""
NARRATIONS = """
open fridge: open fridge | put down knife: put-down knife | take the plate from cupboard: take-from plate cupboard |
pick up sugar bowl: pick-up bowl:sugar | put the lid back on the pot: put-back lid pot |
wash knife and fork: wash knife fork | clean it with tap water: clean-with water:tap |
still pouring cereal into bowl: pour-into cereal bowl |
pick up box of eggs: pick-up box:egg | cut onion.: cut onion | closes tap: close tap | rinse pots, pans: rinse pot pan |
take washing up bowl: take bowl:washing:up | try to open a jar: open jar | continue washing the cup: wash cup |
dry two glasses: dry glass | taste soup using spoon: taste soup spoon | slice of the bread: slice bread"""
SENTENCES = """
a person is riding a bike: ride bike | the man rides his horse: ride horse | She is cooking: cook | jump: jump |
people play their guitars: play guitar | a person brushes their teeth: brush tooth | Riding a Horse!: ride horse"""


def _cases(text: str) -> list[tuple[str, Phrase]]:
    pairs = (case.rsplit(": ", 1) for case in text.replace("\n", " ").split(" | "))
    return [(caption.strip(), Phrase(said.split()[0], tuple(said.split()[1:]))) for caption, said in pairs]


@pytest.mark.parametrize(
    "caption, expected", _cases(" | ".join([STANFORD40, PLAYGROUND, VOC2012, NARRATIONS, SENTENCES]))
)
def test_caption(caption: str, expected: Phrase) -> None:
    assert parse(caption) == expected


def test_all_labels_are_tested() -> None:
    assert len(_cases(STANFORD40)) == 40
    assert {caption for caption, _ in _cases(PLAYGROUND)} == set(PLAYGROUND_ACTIONS)
    assert {caption for caption, _ in _cases(VOC2012)} == set(VOC)


def test_the_playground_says_the_same_of_what_it_rides() -> None:
    riding = ("riding_a_bike", "riding_a_horse")
    for label in (*riding, "fixing_a_bike", "feeding_a_horse", "walking_a_dog", "flying_a_kite"):
        found = parse(label)
        assert (found.verb, *found.nouns) == PLAYGROUND_CAPTIONS[label]


@pytest.mark.parametrize("caption", ["", "  ", "_", "..."])
def test_empty(caption: str) -> None:
    for read in (parse, parse_query):
        with pytest.raises(TextError, match="caption is empty: write what somebody does, as in 'riding a bike'"):
            read(caption)


@pytest.mark.parametrize("caption", ["bike", "a red bike", "on the beach", "them", "a person", "still"])
def test_no_verb(caption: str) -> None:
    with pytest.raises(TextError, match=f"caption '{caption}' has no verb: begin with one"):
        parse(caption)


def test_a_query_without_a_verb_keeps_its_nouns() -> None:
    assert parse_query("bike") == Phrase("", ("bike",))
    assert parse_query("a red bike on the beach") == Phrase("", ("bike:red", "beach"))
    assert parse_query("ride a bike") == parse("ride a bike")


def test_a_query_of_little_words_alone() -> None:
    with pytest.raises(TextError, match="has no verb"):
        parse_query("on the")


def test_tokens() -> None:
    assert split_words("Riding_a-Bike!") == ["riding", "a", "bike"]
    assert split_words("the person's cup (blue)") == ["the", "person", "cup"]
    assert split_words("ridingbike") == ["riding", "bike"] and split_words("bringing") == ["bringing"]
    assert split_words("king") == ["king"] and split_words("cooking") == ["cooking"]


def test_words_of_a_phrase() -> None:
    phrase = Phrase("put-down", ("board:chopping", "knife"))
    assert phrase.verb_words == ("put", "down") and phrase.base_verb == "put"
    assert phrase.noun_words == ("board", "chopping", "knife") and phrase.heads == ("board", "knife")
    assert phrase.words == ("put", "down", "board", "chopping", "knife")
    assert Phrase("", ("bike",)).verb_words == () and str(Phrase("", ("bike",))) == "(no verb) bike"
