"""Captions with their visuals: what the text models learn from."""

from collections.abc import Hashable, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from actret_core.errors import DataError
from actret_core.text.phrase import Phrase
from actret_core.text.vocabulary import Vocabulary


def class_labels(phrases: Sequence[Phrase]) -> np.ndarray:
    """The classes of verb, main noun and action of each phrase, int64 [N, 3]; equal words have equal classes.

    The main noun is the first; an action is a verb with a set of nouns. A phrase without a verb or a noun has -1 there.
    """
    verbs = [p.verb or None for p in phrases]
    nouns = [p.nouns[0] if p.nouns else None for p in phrases]
    actions = [(p.verb, frozenset(p.nouns)) for p in phrases]
    return np.array([_numbered(names) for names in (verbs, nouns, actions)], np.int64).T


def _numbered(names: Sequence[Hashable]) -> list[int]:
    """A number for each distinct name, in order of first appearance; -1 for None."""
    numbers = {name: i for i, name in enumerate(dict.fromkeys(names))}
    return [-1 if name is None else numbers[name] for name in names]


class CaptionDataset(Dataset):
    """One item for each of N captions: `visual` [D], `verb_words` [V], `noun_words` [W], `target` [3] and `index`.

    visual [n, D]: features; phrases: those of the N captions; rows int [N]: the visual of each caption (default: one
    each, in order). labels int [N, 3]: verb, noun and action (default: `class_labels`). Raises DataError where these
    do not fit together, or where all captions say the same.
    """

    def __init__(
        self, visual: np.ndarray, phrases: Sequence[Phrase], vocabulary: Vocabulary,
        rows: np.ndarray | None = None, labels: np.ndarray | None = None,
    ) -> None:
        self.rows = np.arange(len(visual)) if rows is None else np.asarray(rows)
        if len(self.rows) != len(phrases) or not len(phrases):
            counts = f"{len(phrases)} captions for {len(self.rows)} visuals"
            raise DataError(f"{counts}: name features and captions of one split")
        self.visual = torch.from_numpy(np.ascontiguousarray(visual, dtype=np.float32))
        self.verb_words = torch.from_numpy(vocabulary.numbers([p.verb_words for p in phrases]))
        self.noun_words = torch.from_numpy(vocabulary.numbers([p.noun_words for p in phrases]))
        self.labels = torch.from_numpy(class_labels(phrases) if labels is None else np.asarray(labels, np.int64))
        if self.labels[:, 2].unique().numel() < 2:
            raise DataError("captions: all say the same; triplets need at least two different actions")

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        return {
            "visual": self.visual[self.rows[index]], "verb_words": self.verb_words[index],
            "noun_words": self.noun_words[index], "target": self.labels[index], "index": torch.tensor(index),
        }
