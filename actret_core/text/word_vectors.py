"""Pretrained word vectors from a text file, as word2vec (`.txt`, `.vec`) and GloVe write them."""

import gzip
from collections.abc import Container
from pathlib import Path

import numpy as np

from actret_core.errors import DataError


def read_word_vectors(path: str | Path, wanted: Container[str] | None = None) -> dict[str, np.ndarray]:
    """Word -> vector float32 [D], from lines of a word and D numbers: of the `wanted` words, or of all.

    A first line of two whole numbers (word2vec's count and D) is skipped, and a `.gz` is unpacked. A word may hold
    blanks, as some of GloVe's do. If a word occurs twice, its first vector counts. The binary format is not supported:
    convert it to text. Raises DataError, with the number of the line, for a file that is missing, of another format, or
    with vectors of different lengths.
    """
    path, out, dim = Path(path), {}, 0
    try:
        with (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8") as file:
            for number, line in enumerate(file, start=1):
                word, *values = line.rstrip().split(" ")
                if number == 1 and len(values) == 1 and word.isdigit():
                    continue
                dim = dim or _dimensions(values)
                word, values = _split(word, values, dim)
                _check_length(path, number, len(values), dim)
                if (wanted is None or word in wanted) and word not in out:
                    out[word] = _numbers(path, number, values)
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as word vectors in text form ({error})") from None
    if not out:
        raise DataError(f"{path}: holds none of the wanted words; name a file of lines 'word 0.1 0.2 ...'")
    return out


def _dimensions(values: list[str]) -> int:
    """D by the numbers at the end of the first line; all that follows its word, if that leaves no vector."""
    numbers = next((n for n, value in enumerate(reversed(values)) if not _is_number(value)), len(values))
    return numbers if numbers >= 2 else len(values)


def _split(word: str, values: list[str], dim: int) -> tuple[str, list[str]]:
    """The word with the blanks in it, and the last D values; a line with too many numbers stays as it is."""
    more = values[: max(len(values) - dim, 0)]
    if all(map(_is_number, more)):
        return word, values
    return " ".join([word, *more]), values[len(more) :]


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _check_length(path: Path, number: int, length: int, dim: int) -> None:
    if length != dim or dim < 2:
        expected = f"expected {max(dim, 2)}; is it a text file of vectors?"
        raise DataError(f"{path}: line {number} has {length} numbers, {expected}")


def _numbers(path: Path, number: int, values: list[str]) -> np.ndarray:
    try:
        vector = np.array(values, np.float32)
    except ValueError as error:
        raise DataError(f"{path}: line {number} is not a word and numbers ({error})") from None
    if not np.isfinite(vector).all():
        raise DataError(f"{path}: line {number} holds NaN or inf")
    return vector
