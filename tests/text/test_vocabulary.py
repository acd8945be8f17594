import gzip
import hashlib
from pathlib import Path

import numpy as np
import pytest

from actret_core.errors import ConfigError, DataError
from actret_core.text.phrase import Phrase
from actret_core.text.vocabulary import UNKNOWN, Vocabulary, vocabulary_of, word_table
from actret_core.text.word_vectors import read_word_vectors

KNOWN = Vocabulary(("bike", "horse", "ride"))


def test_numbers() -> None:
    assert [KNOWN.number(w) for w in KNOWN.words] == [1, 2, 3] and KNOWN.size == 4 + UNKNOWN
    assert KNOWN.numbers([("ride",), ("bike", "horse"), ()]).tolist() == [[3, 0], [1, 2], [0, 0]]
    assert KNOWN.numbers([(), ()]).shape == (2, 1)
    assert "ride" in KNOWN and "zebra" not in KNOWN


def test_an_unknown_word_always_has_the_same_place_behind_the_known() -> None:
    places = [KNOWN.number(f"word{i}") for i in range(500)]
    assert min(places) >= 4 and max(places) < KNOWN.size and len(set(places)) > UNKNOWN / 2
    digest = int(hashlib.sha256(b"zebra").hexdigest()[:16], 16)
    assert KNOWN.number("zebra") == 4 + digest % UNKNOWN
    assert Vocabulary(("bike",)).number("zebra") == 2 + digest % UNKNOWN


def test_vocabulary_of_phrases() -> None:
    found = vocabulary_of([Phrase("put-down", ("board:chopping",)), Phrase("put")], ("zebra",))
    assert found.words == ("board", "chopping", "down", "put", "zebra")


@pytest.mark.parametrize("words", [(), ("a", "a")])
def test_wrong_words(words: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError, match="expected one or more words, each once"):
        Vocabulary(words)


def test_table() -> None:
    table = word_table(KNOWN, 16, {"horse": np.arange(16.0), "unused": np.ones(16)})
    assert table.shape == (KNOWN.size, 16) and table.dtype == np.float32
    assert not table[0].any()
    np.testing.assert_allclose(np.linalg.norm(table[1:], axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(table[2], np.arange(16) / np.linalg.norm(np.arange(16)), rtol=1e-6)


def test_a_direction_depends_on_the_word_and_the_seed_alone() -> None:
    one, other = word_table(KNOWN, 8), word_table(Vocabulary(("apple", "ride")), 8)
    np.testing.assert_array_equal(one[3], other[2])
    np.testing.assert_array_equal(one[-UNKNOWN:], other[-UNKNOWN:])
    assert abs(one[3] @ word_table(KNOWN, 8, seed=1)[3]) < 0.99
    assert np.abs(one[1:] @ one[1:].T - np.eye(len(one) - 1)).max() < 0.999, "no two are the same"


def test_word2vec_and_glove_text(tmp_path: Path) -> None:
    glove = "ride 1 2 3\nbike 0.5 -1 2e-1\nride 9 9 9\n"
    (tmp_path / "glove.txt").write_text(glove)
    (tmp_path / "w2v.vec").write_text("3 3\n" + glove)
    with gzip.open(tmp_path / "glove.txt.gz", "wt") as file:
        file.write(glove)
    for name in ("glove.txt", "w2v.vec", "glove.txt.gz"):
        found = read_word_vectors(tmp_path / name)
        assert list(found) == ["ride", "bike"] and found["ride"].tolist() == [1, 2, 3], "the first of a word counts"
        assert found["bike"].dtype == np.float32
    assert list(read_word_vectors(tmp_path / "w2v.vec", {"bike", "zebra"})) == ["bike"]


@pytest.mark.parametrize(
    "text, message",
    [
        ("ride 1 2 3\nbike 1 2\n", "line 2 has 2 numbers, expected 3"),
        ("ride 1 2 3\nbike 1 2 3 4\n", "line 2 has 4 numbers, expected 3"),
        ("ride 1 x 3\n", "line 1 is not a word and numbers"),
        ("ride 1 nan 3\n", "line 1 holds NaN or inf"),
        ("hello\n", "line 1 has 0 numbers, expected 2"),
        ("", "holds none of the wanted words"),
    ],
)
def test_malformed_vectors(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "v.txt").write_text(text)
    with pytest.raises(DataError, match=f"v.txt: {message}"):
        read_word_vectors(tmp_path / "v.txt")


@pytest.mark.parametrize("header", ["", "4 3\n"])
@pytest.mark.parametrize("first", [0, 1])
def test_a_word_may_hold_blanks(tmp_path: Path, header: str, first: int) -> None:
    lines = ["ride 1 2 3\n", ". . . 4 5 6\n", "name@example.org at 7 8 9\n", "2 1 1 1\n"]
    (tmp_path / "v.txt").write_text(header + "".join(lines[first:] + lines[:first]))
    assert list(read_word_vectors(tmp_path / "v.txt", {"ride"})) == ["ride"]
    found = read_word_vectors(tmp_path / "v.txt")
    assert found[". . ."].tolist() == [4, 5, 6] and found["2"].tolist() == [1, 1, 1] and len(found) == 4


def test_absent_or_binary_vectors(tmp_path: Path) -> None:
    (tmp_path / "v.bin").write_bytes(b"3 2\nride \xff\xfe\x00\x80")
    for name in ("none.txt", "v.bin"):
        with pytest.raises(DataError, match=f"{name}: cannot be read as word vectors in text form"):
            read_word_vectors(tmp_path / name)
    with pytest.raises(DataError, match="none of the wanted words"):
        (tmp_path / "v.txt").write_text("ride 1 2\n")
        read_word_vectors(tmp_path / "v.txt", {"zebra"})
