"""EPIC-Kitchens-100's retrieval text (Damen et al. 2022), read from its official CSV files without change."""

import ast
import csv
import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from actret_core.errors import DataError, TextError
from actret_core.text.phrase import Phrase

TRAIN_CLIPS, TEST_CLIPS = "EPIC_100_retrieval_train.csv", "EPIC_100_retrieval_test.csv"
TRAIN_SENTENCES, TEST_SENTENCES = "EPIC_100_retrieval_train_sentence.csv", "EPIC_100_retrieval_test_sentence.csv"
VERBS, NOUNS = "EPIC_100_verb_classes.csv", "EPIC_100_noun_classes.csv"


@dataclass(frozen=True)
class Narration:
    """One narrated clip or sentence: its `text`, its official verb and nouns as a `phrase`, and their classes.

    The first of `noun_classes` is that of the main noun.
    """

    id: str
    text: str
    phrase: Phrase
    verb_class: int
    noun_classes: tuple[int, ...]


@dataclass(frozen=True)
class Classes:
    """The verb classes or the noun classes: their `names`, and in `members` the class of every narrated word."""

    names: tuple[str, ...]
    members: dict[str, int]

    def of(self, word: str) -> int | None:
        """The class of a verb or noun such as "put-down" or "board:chopping"; None where there is none.

        It is looked up as it is, then with its parts in reverse order, then by its first part alone.
        """
        separator = ":" if ":" in word else "-"
        parts = word.replace("-", ":").split(":")
        for name in (word, separator.join(reversed(parts)), parts[0]):
            if name in self.members:
                return self.members[name]
        return None

    def require(self, word: str) -> int:
        """As `of`. Raises TextError, naming the nearest words, where there is no class."""
        found = self.of(word)
        if found is None:
            near = ", ".join(difflib.get_close_matches(word, self.members, n=3)) or "none is near"
            raise TextError(f"{word!r} is in none of the {len(self.names)} classes; nearest: {near}")
        return found


def read_classes(path: Path) -> Classes:
    """A file of verb or noun classes. Raises DataError where it is missing or malformed."""
    names, members = [], {}
    for row in _rows(path, ("id", "key", "instances")):
        if row["id"] != str(len(names)):
            raise DataError(f"{path}: class {len(names)} is missing; its ids count from 0; fetch the file again")
        names.append(row["key"])
        members |= {word: len(names) - 1 for word in (row["key"], *_list(path, row, "instances"))}
    return Classes(tuple(names), members)


def read_narrations(path: Path, verbs: Classes | None = None, nouns: Classes | None = None) -> tuple[Narration, ...]:
    """The rows of a file of sentences (`nouns`, `noun_classes`) or of clips (`all_nouns`, `all_noun_classes`).

    Raises DataError where the file is missing or malformed, and TextError for a class that `verbs` or `nouns` lack.
    """
    out = []
    for row in _rows(path, ("narration_id", "narration", "verb", "verb_class")):
        prefix = "all_" if "all_nouns" in row else ""
        try:
            phrase = Phrase(row["verb"], tuple(_list(path, row, f"{prefix}nouns")))
            classes = tuple(int(c) for c in _list(path, row, f"{prefix}noun_classes"))
            out.append(Narration(row["narration_id"], row["narration"], phrase, int(row["verb_class"]), classes))
        except (TypeError, ValueError) as error:
            raise DataError(f"{path}: row {row['narration_id']!r} is malformed ({error}); fetch it again") from None
        _check(path, out[-1], verbs, nouns)
    return tuple(out)


def read_sentences(path: Path, clips: Iterable[Narration]) -> tuple[Narration, ...]:
    """The distinct sentences of the clips, in the order of the official file of sentences (by `narration_id`).

    Raises DataError for a sentence that belongs to none of the clips.
    """
    by_id = {clip.id: clip for clip in clips}
    ids = [row["narration_id"] for row in _rows(path, ("narration_id", "narration"))]
    absent = [name for name in ids if name not in by_id]
    if absent:
        raise DataError(f"{path}: {absent[0]!r} is none of the {len(by_id)} clips; name the file of the same split")
    return tuple(by_id[name] for name in ids)


def _check(path: Path, narration: Narration, verbs: Classes | None, nouns: Classes | None) -> None:
    kinds = (("verb", verbs, (narration.verb_class,)), ("noun", nouns, narration.noun_classes))
    for kind, known, used in kinds:
        wrong = [c for c in used if known and not 0 <= c < len(known.names)]
        if wrong:
            raise TextError(
                f"{path}: {narration.id} has the {kind} class {wrong[0]}, but there are {len(known.names)}, from 0; "
                "name the file of classes of the same release"
            )


def _rows(path: Path, columns: tuple[str, ...]) -> list[dict[str, str]]:
    try:
        with open(path, newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: cannot be read ({error}); name the folder of the official CSV files") from None
    lacking = [c for c in columns if not rows or c not in rows[0]]
    if lacking:
        raise DataError(f"{path}: lacks the column {lacking[0]!r} of the official file; fetch it again")
    return rows


def _list(path: Path, row: dict[str, str], column: str) -> list:
    """A column that is written as a Python list; it is read as a literal, and no code in it is run."""
    try:
        values = ast.literal_eval(row[column])
    except (KeyError, SyntaxError, TypeError, ValueError):
        values = None
    if not isinstance(values, list):
        raise DataError(f"{path}: column {column!r} holds {row.get(column)!r}, expected a list such as ['plate']")
    return values
