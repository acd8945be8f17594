"""From a caption to its verb and nouns, by a rule that needs no model.

It reads labels ("riding_a_bike", "ridingbike"), imperatives ("put down the knife") and plain statements ("a person is
riding a bike"). The verb stands first; articles and prepositions say where one noun ends and the next begins.
"""

import re

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
CUTS = frozenset("and or while then using , ; & if when".split())
ADVERBS = frozenset("still again now just also slowly quickly carefully very".split())
PERSONS = frozenset("person man woman boy girl child kid someone somebody people i he she we they you".split())
BEING = frozenset("is are was were am be".split())
BEGINNING = frozenset(  # of another verb: "try to open", "continue washing"
    "continue continues continuing keep keeps start starts begin begins finish finishes try tries trying".split()
)
VERBS = frozenset(  # that may stand alone; any other single word is taken for a thing
    "adjust applaud bake blow brush call chop clap clean climb close cook count cut dance drink drive dry eat feed "
    "fish fix flip fly fold fry garden get grab hike hold jump laugh listen look mix move open peel phone place play "
    "pour pull push put read remove rest ride rinse roll row run search serve shake shoot shop sing sit skate ski "
    "sleep slice smell smile smoke speak squeeze stand stir stop stroll swim take talk text throw turn type wait walk "
    "wash watch wave wipe work write".split()
)


def parse(caption: str) -> Phrase:
    """The verb and the nouns of a caption. Raises TextError for one that is empty or has no verb."""
    words = tokenize(caption)
    if not words:
        raise TextError("caption is empty: write what somebody does, as in 'riding a bike'")
    verb, rest = _take_verb(words, caption)
    particle, chunks = _chunks(rest)
    return Phrase("-".join(filter(None, (verb_lemma(verb), particle))), nouns_of(chunks))


def parse_query(text: str) -> Phrase:
    """As `parse`, but words without a verb are read as nouns, so that they can still be searched for.

    Raises TextError where not a single word is left.
    """
    try:
        return parse(text)
    except TextError:
        _, chunks = _chunks(tokenize(text))
        if not chunks:
            raise
        return Phrase("", nouns_of(chunks))


def tokenize(caption: str) -> list[str]:
    """Lower-case words; "_", "-" and "/" separate, and a label in one word is cut behind its "ing"."""
    text = re.sub(r"'s\b|\s*\(.*?\)|[.!?:\"']", "", caption.lower())
    text = re.sub(r"[_\-/\s]+", " ", re.sub(r"([,;&])", r" \1 ", text)).strip()
    if " " not in text:
        text = re.sub(r"^([a-z]{2,}?ing)(?!ing?s?$)([a-z]{3,})$", r"\1 \2", text)
    return text.split()


def nouns_of(chunks: list[list[str]]) -> tuple[str, ...]:
    """Each chunk, its head last, as one noun; a repeated one counts once."""
    return tuple(dict.fromkeys(map(_noun, chunks)))


def _noun(words: list[str]) -> str:
    """["chopping", "board"] -> "board:chopping", and ["box", "of", "eggs"] -> "box:egg"."""
    cut = words.index("of") if "of" in words else len(words)
    before, after = words[:cut], [noun_lemma(word) for word in words[cut + 1 :] if word != "of"]
    return ":".join([noun_lemma(before[-1]), *before[:-1], *after])


def _take_verb(words: list[str], caption: str) -> tuple[str, list[str]]:
    """The verb and what follows it, after any subject and adverbs."""
    at, subject = 0, False
    while at < len(words) and words[at] in ADVERBS | {"and", "then"}:
        at += 1
    start = at + (at < len(words) and words[at] in ARTICLES)
    if start < len(words) and words[start] in PERSONS:
        at, subject = start + 1, True
    while at < len(words) and words[at] in BEING | ADVERBS:
        at += 1
    rest = _past_beginning(words[at:])
    if not rest or rest[0] in ARTICLES | PARTICLES | PRONOUNS | {"or"} or _is_a_thing(rest, subject):
        raise TextError(f"caption {caption!r} has no verb: begin with one, as in 'riding a bike'")
    return rest[0], rest[1:]


def _past_beginning(words: list[str]) -> list[str]:
    """["try", "to", "open", ...] -> ["open", ...]; "start" alone, or before a thing, stays."""
    if len(words) > 2 and words[0] in BEGINNING and words[1] == "to":
        return words[2:]
    another = len(words) > 1 and (gerund_stem(words[1]) is not None or words[1] in VERBS)
    return words[1:] if another and words[0] in BEGINNING else words


def _is_a_thing(words: list[str], subject: bool) -> bool:
    return len(words) == 1 and not subject and gerund_stem(words[0]) is None and verb_lemma(words[0]) not in VERBS


def _chunks(words: list[str]) -> tuple[str, list[list[str]]]:
    """The first particle or preposition ("" if none), and the words between the cuts: one chunk a noun."""
    particle, chunks = "", [[]]
    for word in words:
        last = chunks[-1][-1] if chunks[-1] else ""
        if word in PARTICLES and not (gerund_stem(last) and word in ("up", "out")):  # "washing up bowl" is one thing
            particle, _ = particle or word, chunks.append([])
        elif word in CUTS | PRONOUNS or (word in ARTICLES and last != "of"):
            chunks.append([])
        elif word not in ADVERBS | ARTICLES and (last or word != "of"):
            chunks[-1].append(word)
    return particle, [chunk[:-1] if chunk[-1] == "of" else chunk for chunk in chunks if chunk]
