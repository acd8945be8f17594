"""Captions and visuals in pairs: what the text models learn from."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from actret_core.errors import DataError
from actret_core.text.phrase import Phrase
from actret_core.text.vocabulary import Vocabulary


def class_labels(phrases: Sequence[Phrase]) -> np.ndarray:
    """Verb, main noun (the first, -1 for none) and action of each phrase, int64 [N, 3]; equal words, equal classes.

    A verb that a caption lacks is -1, too.
    """
    keys = [((p.verb,) if p.verb else (), p.nouns[:1], (p.verb, frozenset(p.nouns))) for p in phrases]
    columns = []
    for column in zip(*keys, strict=True):
        names = {name: i for i, name in enumerate(dict.fromkeys(column))}
        columns.append([-1 if name == () else names[name] for name in column])
    return np.array(columns, np.int64).T


class CaptionPairs(Dataset):
    """Items `visual` [D], `verb_words` [V], `noun_words` [W], `target` [3] and `index`, one for each caption.

    visual [n, D]; phrases, N of them, and `rows` int [N], the visual of each (default: one each, in order). labels
    [N, 3] are those of `class_labels` unless the data set has its own. Raises DataError where these do not fit
    together, or where all captions say the same.
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
