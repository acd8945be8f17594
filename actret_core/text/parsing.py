"""From a caption to its verb and nouns, by a rule that needs no model.

It reads labels ("riding_a_bike", "ridingbike"), imperatives ("put down the knife") and plain statements ("a person is
riding a bike"). The verb comes first; articles, particles and conjunctions show where one noun ends and another begins.
"""

import re
from collections.abc import Container
from itertools import dropwhile

from actret_core.errors import TextError
from actret_core.text.english import gerund_stem, noun_lemma, verb_lemma
from actret_core.text.phrase import Phrase

ARTICLES = frozenset(
    "a an the my your his her its our their this that these those some any all both each every more another other one "
    "two three four five six".split()
)
PRONOUNS = frozenset("it them him me us everything something anything self himself herself itself".split())
PARTICLES = frozenset(
    "about above across against along around aside at away back behind between by down for from in inside into near "
    "off on onto out outside over through to together toward towards under underneath up upon with within "
    "without".split()
)
SEPARATORS = frozenset("and or while then using , ; & if when".split())
ADVERBS = frozenset("still again now just also slowly quickly carefully very".split())
PERSONS = frozenset("person man woman boy girl child kid someone somebody people i he she we they you".split())
BEING = frozenset("is are was were am be".split())
BEGINNING = frozenset(  # verbs that only introduce another one: "try to open", "continue washing"
    "continue continues continuing keep keeps start starts begin begins finish finishes try tries trying".split()
)
VERBS = frozenset(  # a single word is read as a verb if it is one of these or ends in "ing", and else as a thing
    "adjust applaud bake blow brush call chop clap clean climb close cook count cut dance drink drive dry eat feed "
    "fish fix flip fly fold fry garden get grab hike hold jump laugh listen look mix move open peel phone place play "
    "pour pull push put read remove rest ride rinse roll row run search serve shake shoot shop sing sit skate ski "
    "sleep slice smell smile smoke speak squeeze stand stir stop stroll swim take talk text throw turn type wait walk "
    "wash watch wave wipe work write".split()
)


def parse(caption: str) -> Phrase:
    """The verb and the nouns of a caption. Raises TextError for one that is empty or has no verb."""
    words = split_words(caption)
    if not words:
        raise TextError("caption is empty: write what somebody does, as in 'riding a bike'")
    verb, rest = _take_verb(words, caption)
    particle, nouns = _split_nouns(rest)
    lemma = verb_lemma(verb)
    return Phrase(f"{lemma}-{particle}" if particle else lemma, _noun_names(nouns))


def parse_query(text: str) -> Phrase:
    """As `parse`, but words without a verb are read as nouns, so that they can still be searched for.

    Raises TextError where not a single word is left.
    """
    try:
        return parse(text)
    except TextError:
        _, nouns = _split_nouns(split_words(text))
        if not nouns:
            raise
        return Phrase("", _noun_names(nouns))


def split_words(caption: str) -> list[str]:
    """The words of a caption in lower case.

    "_", "-", "/" and blanks separate words; each of , ; & is a word of its own. Brackets with what is in them, other
    punctuation and "'s" are left out. A label written as one word is split after "ing": "ridingbike" -> riding, bike.
    """
    text = re.sub(r"'s\b|\s*\(.*?\)|[.!?:\"']", "", caption.lower())
    text = re.sub(r"([,;&])", r" \1 ", text)
    text = re.sub(r"[_\-/\s]+", " ", text).strip()
    if " " not in text:  # "bringing" stays whole: what follows the first "ing" must be a word, not another ending
        text = re.sub(r"^([a-z]{2,}?ing)(?!ing?s?$)([a-z]{3,})$", r"\1 \2", text)
    return text.split()


def _take_verb(words: list[str], caption: str) -> tuple[str, list[str]]:
    """The verb and the words after it; a subject, adverbs and "is" before it are skipped."""
    rest = _skip(words, ADVERBS | {"and", "then"})
    rest, has_subject = _skip_subject(rest)
    rest = _skip(rest, BEING | ADVERBS)
    rest = _skip_beginning(rest)
    no_verb = ARTICLES | PARTICLES | PRONOUNS | {"or"}
    if not rest or rest[0] in no_verb or (len(rest) == 1 and not has_subject and _is_thing(rest[0])):
        raise TextError(f"caption {caption!r} has no verb: begin with one, as in 'riding a bike'")
    return rest[0], rest[1:]


def _skip(words: list[str], skipped: Container[str]) -> list[str]:
    """The words from the first on that is not to be skipped."""
    return list(dropwhile(lambda word: word in skipped, words))


def _skip_subject(words: list[str]) -> tuple[list[str], bool]:
    """["a", "person", "is", "riding"] -> ["is", "riding"], and whether there was a subject."""
    after_article = words[1:] if words and words[0] in ARTICLES else words
    if after_article and after_article[0] in PERSONS:
        return after_article[1:], True
    return words, False


def _skip_beginning(words: list[str]) -> list[str]:
    """["try", "to", "open", ...] -> ["open", ...]; "start" alone, or before a thing, stays."""
    if len(words) < 2 or words[0] not in BEGINNING:
        return words
    if words[1] == "to":
        return words[2:] or words
    another_verb = gerund_stem(words[1]) is not None or words[1] in VERBS
    return words[1:] if another_verb else words


def _is_thing(word: str) -> bool:
    """Whether a word that stands alone names a thing, not an action."""
    return gerund_stem(word) is None and verb_lemma(word) not in VERBS


def _split_nouns(words: list[str]) -> tuple[str, list[list[str]]]:
    """What follows the verb: its particle or first preposition ("" if none), and the words of each noun.

    ["down", "the", "chopping", "board", "and", "knife"] -> ("down", [["chopping", "board"], ["knife"]]).
    """
    particle, nouns = "", [[]]
    for word in words:
        noun = nouns[-1]  # the noun that is being read
        previous = noun[-1] if noun else ""
        if word in PARTICLES and not _is_washing_up(previous, word):
            particle = particle or word
            nouns.append([])
        elif word in SEPARATORS | PRONOUNS or (word in ARTICLES and previous != "of"):
            nouns.append([])
        elif word in ADVERBS | ARTICLES or (word == "of" and not noun):
            continue
        else:
            noun.append(word)
    return particle, [_without_last_of(noun) for noun in nouns if noun]


def _is_washing_up(previous: str, word: str) -> bool:
    """Whether a particle is part of a noun, as in "washing up bowl"."""
    return word in ("up", "out") and gerund_stem(previous) is not None


def _without_last_of(noun: list[str]) -> list[str]:
    return noun[:-1] if noun[-1] == "of" else noun


def _noun_names(nouns: list[list[str]]) -> tuple[str, ...]:
    """Each noun as one string; a repeated one counts once."""
    return tuple(dict.fromkeys(_noun_name(words) for words in nouns))


def _noun_name(words: list[str]) -> str:
    """["chopping", "board"] -> "board:chopping", and ["box", "of", "eggs"] -> "box:egg"."""
    end = words.index("of") if "of" in words else len(words)
    *modifiers, head = words[:end]
    after = [noun_lemma(word) for word in words[end + 1 :] if word != "of"]
    return ":".join([noun_lemma(head), *modifiers, *after])
