import pytest

from actret_core.text.english import gerund_stem, noun_lemma, verb_lemma

GERUNDS = """riding ride, running run, cutting cut, taking take, using use, rinsing rinse, slicing slice,
squeezing squeeze, stirring stir, adding add, rolling roll, travelling travel, sprinkling sprinkle, opening open,
watering water, seeing see, lying lie, drying dry, mixing mix, waving wave, writing write, tasting taste,
changing change, hanging hang, reading read, measuring measure, rotating rotate, queuing queue, phoning phone,
fishing fish, filling fill, pressing press, passing pass, dodging dodge, merging merge, gardening garden,
shopping shop, typing type, bring bring, sing sing, quitting quit"""
OTHERS = """rides ride, washes wash, dries dry, puts put, presses press, mixes mix, closed close, opened open,
stopped stop, fed fed, need need, feed feed, pass pass, flies fly, goes go, ride ride, dried dry, carried carry"""
NOUNS = """knives knife, teeth tooth, dishes dish, photos photo, potatoes potato, glasses glass, glass glass, boxes box,
berries berry, pies pie, cookies cookie, hummus hummus, bananas banana, scissors scissors, people person, tv tv,
bus bus, leaves leaf, horses horse, chassis chassis"""


def _pairs(text: str) -> list[list[str]]:
    return [pair.split() for pair in text.replace("\n", " ").split(", ")]


@pytest.mark.parametrize("word, lemma", _pairs(GERUNDS) + _pairs(OTHERS))
def test_verbs(word: str, lemma: str) -> None:
    assert verb_lemma(word) == lemma


@pytest.mark.parametrize("word, lemma", _pairs(NOUNS))
def test_nouns(word: str, lemma: str) -> None:
    assert noun_lemma(word) == lemma


def test_a_gerund_has_a_vowel_before_its_ending() -> None:
    assert gerund_stem("riding") == "rid" and gerund_stem("flying") == "fly"
    assert gerund_stem("ring") is gerund_stem("bike") is gerund_stem("") is None
