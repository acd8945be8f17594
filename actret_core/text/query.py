"""Search visuals by a phrase, and report how it was understood."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from actret_core.config import require
from actret_core.errors import TextError
from actret_core.text.model import TextModel
from actret_core.text.parsing import parse_query
from actret_core.text.phrase import Phrase
from actret_core.text.vocabulary import Vocabulary

AT_ONCE = 4096  # phrases embedded at a time, to bound the memory


@dataclass(frozen=True, eq=False)
class Answer:
    """The visuals, best first: `order` int [N] and `similarity` [N]; the `phrase` searched for, and `notes` on it."""

    order: np.ndarray
    similarity: np.ndarray
    phrase: Phrase
    notes: tuple[str, ...]


@torch.inference_mode()
def embed_texts(
    model: TextModel, vocabulary: Vocabulary, phrases: Sequence[Phrase], space: str = "action"
) -> np.ndarray:
    """Phrases in a space of the model, float32 [N, d]; zero where a phrase has no word for that space.

    Raises ConfigError unless the vocabulary has the size that the model was built for.
    """
    wanted = model.config.words
    require(vocabulary.size == wanted, "vocabulary", vocabulary.size, f"{wanted}, the model's own")
    model.cpu().eval()
    pieces = [phrases[at : at + AT_ONCE] for at in range(0, max(len(phrases), 1), AT_ONCE)]
    return np.concatenate([_embed_piece(model, vocabulary, piece, space) for piece in pieces])


def _embed_piece(model: TextModel, vocabulary: Vocabulary, phrases: Sequence[Phrase], space: str) -> np.ndarray:
    words = (vocabulary.numbers([getattr(p, name) for p in phrases]) for name in ("verb_words", "noun_words"))
    return model.texts(*map(torch.from_numpy, words))[space].numpy()


@torch.inference_mode()
def embed_visuals(model: TextModel, visual: np.ndarray, space: str = "action") -> np.ndarray:
    """Visual features [N, D] in a space of the model, float32 [N, d]."""
    model.cpu().eval()
    return model.visuals(torch.from_numpy(np.ascontiguousarray(visual, dtype=np.float32)))[space].numpy()


def search(model: TextModel, vocabulary: Vocabulary, text: str, visual: np.ndarray) -> Answer:
    """Rank visual features [N, D] by how well they fit a text as people type it; ties by index.

    A word outside the vocabulary is replaced by a known word of nearly the same spelling, or left out. Without a verb
    the nouns alone decide, and without a noun the verb. The `notes` say so. Raises TextError if the text is empty or
    none of its words is known.
    """
    phrase, notes = _known(parse_query(text), vocabulary)
    similarity = embed_visuals(model, visual) @ embed_texts(model, vocabulary, [phrase])[0]
    order = np.argsort(-similarity, kind="stable")
    return Answer(order, similarity[order], phrase, tuple(notes))


def _known(phrase: Phrase, vocabulary: Vocabulary) -> tuple[Phrase, list[str]]:
    """The phrase in words of the vocabulary, and notes on what had to be changed."""
    notes: list[str] = []
    verb = _known_words(phrase.verb_words, vocabulary, notes)
    nouns = [_known_words(noun.split(":"), vocabulary, notes) for noun in phrase.nouns]
    found = Phrase("-".join(verb), tuple(":".join(words) for words in nouns if words))
    if not found.words:
        raise TextError(f"none of the words {' '.join(phrase.words)!r} was seen in training; try one of: "
                        f"{', '.join(vocabulary.words[:12])}")
    if not found.verb:
        notes.append("no verb to go by: the nouns alone decide")
    if phrase.nouns and not found.nouns:
        notes.append("no noun to go by: the verb alone decides")
    return found, notes


def _known_words(words: Sequence[str], vocabulary: Vocabulary, notes: list[str]) -> list[str]:
    """The words that are in the vocabulary, or nearly; appends a note on each that is not."""
    out = []
    for word in words:
        if word in vocabulary:
            out.append(word)
            continue
        near = difflib.get_close_matches(word, vocabulary.words, n=1, cutoff=0.8)
        notes.append(f"{word!r} was never seen: " + (f"read as {near[0]!r}" if near else "left out"))
        out += near
    return out
