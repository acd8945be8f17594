"""The tagger's tokens are made by hand: what matters here is what becomes of them."""

import sys
from types import SimpleNamespace as Token

import pytest

from actret_core.errors import TextError
from actret_core.text.phrase import Phrase
from actret_core.text.tagging import load_tagger, tag


def _tagger(*rows: tuple[str, str, str, int]) -> object:
    """A pipeline that answers any caption with these tokens: text, pos_, dep_ and the index of the head."""
    tokens = [Token(text=text, pos_=pos, dep_=dep, head=None) for text, pos, dep, _ in rows]
    for token, row in zip(tokens, rows, strict=True):
        token.head = tokens[row[3]]
    return lambda caption: tokens if caption else []


PUT = _tagger(
    ("Putting", "VERB", "ROOT", 0), ("down", "ADP", "prt", 0), ("the", "DET", "det", 4),
    ("chopping", "NOUN", "compound", 4), ("boards", "NOUN", "dobj", 0), ("in", "ADP", "prep", 0),
    ("the", "DET", "det", 8), ("clean", "ADJ", "amod", 8),
    ("sink", "NOUN", "pobj", 5),
)


def test_verb_particle_and_nouns() -> None:
    assert tag("Putting_down the chopping boards in the clean sink", PUT) == Phrase(
        "put-down", ("board:chopping", "sink:clean")
    )


def test_the_particle_of_another_word_is_none_of_the_verbs() -> None:
    tagger = _tagger(("ride", "VERB", "ROOT", 0), ("horse", "NOUN", "dobj", 0), ("in", "ADP", "prep", 1),
                     ("London", "PROPN", "pobj", 2))
    assert tag("ride horse in London", tagger) == Phrase("ride", ("horse", "london"))


def test_no_verb_and_no_words() -> None:
    with pytest.raises(TextError, match="caption 'open fridge': the tagger finds no verb"):
        tag("open fridge", _tagger(("open", "ADJ", "amod", 1), ("fridge", "NOUN", "ROOT", 1)))
    with pytest.raises(TextError, match="caption is empty"):
        tag(" _ ", PUT)


def test_without_spacy_the_message_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "spacy", None)
    with pytest.raises(TextError, match=r"spaCy is not installed: `pip install 'actret\[nlp\]'`"):
        load_tagger()


def test_without_a_model_the_message_says_how_to_fetch_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(name: str) -> None:
        raise OSError("E050")

    monkeypatch.setitem(sys.modules, "spacy", Token(load=load))
    with pytest.raises(TextError, match="no model 'xx': `python -m spacy download xx`"):
        load_tagger("xx")


def test_real_spacy() -> None:
    pytest.importorskip("spacy", reason="the optional extra `nlp` is not installed")
    try:
        tagger = load_tagger()
    except TextError as error:
        pytest.skip(str(error))
    assert tag("She is riding a bike", tagger) == Phrase("ride", ("bike",))
    assert tag("The man looks through a microscope", tagger) == Phrase("look-through", ("man", "microscope"))
