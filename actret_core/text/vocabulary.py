"""Words as numbers: a list of known words, and a vector for every word, known or not."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from actret_core.config import require
from actret_core.text.phrase import Phrase

UNKNOWN = 64  # numbers that all words outside the list share


@dataclass(frozen=True)
class Vocabulary:
    """The known words in order. Number 0 is no word, 1 to V are the known words, and 64 more are for all others.

    A word outside the list always gets the same one of these 64, by its SHA-256.
    """

    words: tuple[str, ...]

    def __post_init__(self) -> None:
        require(len(set(self.words)) == len(self.words) > 0, "words", self.words[:3], "one or more words, each once")
        object.__setattr__(self, "_known", {word: i for i, word in enumerate(self.words, start=1)})

    def __contains__(self, word: str) -> bool:
        return word in self._known

    @property
    def size(self) -> int:
        """Rows of a table with a vector for every number."""
        return 1 + len(self.words) + UNKNOWN

    def number(self, word: str) -> int:
        """The number of a word."""
        return self._known.get(word) or 1 + len(self.words) + _digest(word) % UNKNOWN

    def numbers(self, rows: Sequence[Sequence[str]]) -> np.ndarray:
        """The numbers of each row's words, int64 [N, W], W at least 1; shorter rows are filled up with 0."""
        out = np.zeros((len(rows), max([1, *map(len, rows)])), np.int64)
        for numbers, words in zip(out, rows, strict=True):
            numbers[: len(words)] = [self.number(word) for word in words]
        return out


def vocabulary_of(phrases: Iterable[Phrase], more: Iterable[str] = ()) -> Vocabulary:
    """All words of the phrases, and `more`, sorted."""
    return Vocabulary(tuple(sorted({word for phrase in phrases for word in phrase.words} | set(more))))


def word_table(
    vocabulary: Vocabulary, dim: int, vectors: Mapping[str, np.ndarray] | None = None, seed: int = 0
) -> np.ndarray:
    """A vector for every number of the vocabulary, float32 [size, dim]; that of "no word" is zero.

    A known word has its pretrained vector from `vectors`, if there is one, scaled to length 1. Every other vector is
    random, of length 1, and depends only on the word (or on its number among the unknown) and on `seed`.
    """
    vectors = vectors or {}
    names = [*vocabulary.words, *(f"\0{number}" for number in range(UNKNOWN))]
    rows = [_unit(vectors[name]) if name in vectors else _direction(name, dim, seed) for name in names]
    return np.stack([np.zeros(dim), *rows]).astype(np.float32)


def _direction(word: str, dim: int, seed: int) -> np.ndarray:
    """A random unit vector for a word."""
    return _unit(np.random.default_rng([seed, _digest(word)]).normal(size=dim))


def _unit(vector: np.ndarray) -> np.ndarray:
    """A vector at length 1; zero stays zero."""
    return vector / max(np.linalg.norm(vector), 1e-12)


def _digest(word: str) -> int:
    return int.from_bytes(hashlib.sha256(word.encode()).digest()[:8], "big")
