"""From a caption to its verb and nouns, by a tagger: spaCy, the optional extra `nlp`."""

from collections.abc import Callable, Iterable
from typing import Any

from actret_core.errors import TextError
from actret_core.text.english import noun_lemma, verb_lemma
from actret_core.text.phrase import Phrase

PARTICLE, MODIFIER = ("prt", "prep"), ("compound", "amod")


def load_tagger(model: str = "en_core_web_sm") -> Callable[[str], Iterable[Any]]:
    """A spaCy pipeline with tagger and parser. Raises TextError if spaCy or the model is not installed."""
    try:
        import spacy  # here, since it is optional and slow to import
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
    """As `parsing.parse`, by a spaCy pipeline: its words have `pos_`, `dep_` and `head`.

    The first verb counts; its particle is the first particle or preposition that depends on it. Taggers are made for
    whole sentences: they may read a bare imperative ("open fridge") as an adjective and a noun. Raises TextError for a
    caption that is empty or has no verb.
    """
    words = list(tagger(caption.replace("_", " ").strip()))
    if not words:
        raise TextError("caption is empty: write what somebody does, as in 'riding a bike'")
    verb = next((word for word in words if word.pos_ == "VERB"), None)
    if verb is None:
        raise TextError(f"caption {caption!r}: the tagger finds no verb; begin with one, as in 'riding a bike'")
    particle = [word.text.lower() for word in words if word.head is verb and word.dep_ in PARTICLE][:1]
    nouns = [t for t in words if t.pos_ in ("NOUN", "PROPN") and t.dep_ not in MODIFIER]
    return Phrase("-".join([verb_lemma(verb.text.lower()), *particle]), tuple(_noun(n, words) for n in nouns))


def _noun(noun: Any, words: list[Any]) -> str:
    before = [word.text.lower() for word in words if word.head is noun and word.dep_ in MODIFIER]
    return ":".join([noun_lemma(noun.text.lower()), *before])
