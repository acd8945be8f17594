"""From a caption to its verb and nouns, by a tagger: spaCy, the optional extra `nlp`."""

from collections.abc import Callable, Iterable
from typing import Any

from actret_core.errors import TextError
from actret_core.text.english import noun_lemma, verb_lemma
from actret_core.text.phrase import Phrase

PARTICLE, MODIFIER = ("prt", "prep"), ("compound", "amod")


def load_tagger(model: str = "en_core_web_sm") -> Callable[[str], Iterable[Any]]:
    """A spaCy pipeline with tagger and parser. Raises TextError, saying what to install, where one is missing."""
    try:
        import spacy  # the optional extra: nobody else pays for it
    except ImportError:
        raise TextError(
            "spaCy is not installed: `pip install 'actret[nlp]'`, or use actret_core.text.parsing.parse, "
            "which needs none"
        ) from None
    try:
        return spacy.load(model)
    except OSError as error:
        raise TextError(f"spaCy has no model {model!r}: `python -m spacy download {model}` ({error})") from None


def tag(caption: str, tagger: Callable[[str], Iterable[Any]]) -> Phrase:
    """As `parsing.parse`, from the tokens of a spaCy pipeline: their `pos_`, `dep_` and `head`.

    The first verb counts; its particle is the first particle or preposition that hangs on it. Taggers are made for
    whole sentences: a bare imperative ("open fridge") they may take for an adjective and a noun. Raises TextError for
    a caption that is empty or has no verb.
    """
    tokens = list(tagger(caption.replace("_", " ").strip()))
    if not tokens:
        raise TextError("caption is empty: write what somebody does, as in 'riding a bike'")
    verb = next((token for token in tokens if token.pos_ == "VERB"), None)
    if verb is None:
        raise TextError(f"caption {caption!r}: the tagger finds no verb; begin with one, as in 'riding a bike'")
    particle = [token.text.lower() for token in tokens if token.head is verb and token.dep_ in PARTICLE][:1]
    nouns = [t for t in tokens if t.pos_ in ("NOUN", "PROPN") and t.dep_ not in MODIFIER]
    return Phrase("-".join([verb_lemma(verb.text.lower()), *particle]), tuple(_noun(n, tokens) for n in nouns))


def _noun(noun: Any, tokens: list[Any]) -> str:
    before = [token.text.lower() for token in tokens if token.head is noun and token.dep_ in MODIFIER]
    return ":".join([noun_lemma(noun.text.lower()), *before])
