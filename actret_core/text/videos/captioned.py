"""Captioned videos for training and test: EPIC-Kitchens-100 as it is published, or any data set in two files."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from actret_core.errors import DataError, TextError
from actret_core.text import epic_kitchens as epic
from actret_core.text.captions import class_labels
from actret_core.text.crossmodal import Parts, relevance
from actret_core.text.epic_kitchens import Narration
from actret_core.text.features import read_captioned, read_video_features
from actret_core.text.parsing import parse_query
from actret_core.text.phrase import Phrase
from actret_core.text.train import Captioned


@dataclass(frozen=True, eq=False)
class CaptionedVideos:
    """A data set of videos: `train` to learn from, and for the test Q `queries` and a `gallery` float32 [G, D].

    `relevant` float32 [Q, G] in [0, 1]: the relevance of every gallery item to every query. `ranks`: each k for which
    the tables of this data set report Rank-k of text -> visual.
    """

    train: Captioned
    queries: tuple[Phrase, ...]
    gallery: np.ndarray
    relevant: np.ndarray
    ranks: tuple[int, ...] = ()


def read_epic(folder: Path, train: Path, test: Path, allow_pickle: bool = False) -> CaptionedVideos:
    """EPIC-Kitchens-100: the official CSV files in `folder`, and the official features of both splits' clips.

    Verbs, nouns and their classes come from the files' own columns; positives of the joint space share the verb class
    and the set of noun classes. The queries of the test are its distinct sentences. Raises the errors of the readers.
    """
    verbs, nouns = (epic.read_classes(folder / name) for name in (epic.VERBS, epic.NOUNS))
    learned, clips = (epic.read_narrations(folder / name, verbs, nouns) for name in (epic.TRAIN_CLIPS, epic.TEST_CLIPS))
    sentences = epic.read_sentences(folder / epic.TEST_SENTENCES, clips)
    features = read_video_features(train, len(learned), allow_pickle)
    return CaptionedVideos(
        Captioned(features, tuple(n.phrase for n in learned), labels=_labels(learned)),
        tuple(n.phrase for n in sentences), read_video_features(test, len(clips), allow_pickle),
        relevance(_parts(sentences, len(nouns.names)), _parts(clips, len(nouns.names))),
    )


def read_pair(train: Path, test: Path) -> CaptionedVideos:
    """Two files as `read_captioned` takes them (MSR-VTT), their captions parsed by the rule; a video may have several.

    Captions share a verb or a noun if the words are equal. But the only right video of a caption is its own, in
    training and in the test: it has relevance 1, all others 0. Raises DataError if the two files differ in the width of
    their features, and TextError, with the caption, for one without any word.
    """
    seen, asked = read_captioned(train), read_captioned(test)
    widths = [part.features.shape[1] for part in (seen, asked)]
    if widths[0] != widths[1]:
        raise DataError(f"{test}: features of {widths[1]} numbers, but {train} has {widths[0]}; take the same features")
    phrases = _phrases(train, seen.captions)
    labels = class_labels(phrases)
    labels[:, 2] = seen.visual
    return CaptionedVideos(
        Captioned(seen.features, phrases, seen.visual, labels), _phrases(test, asked.captions), asked.features,
        (asked.visual[:, None] == np.arange(len(asked.features))).astype(np.float32), ranks=(1, 5, 10),
    )


def _labels(narrations: Sequence[Narration]) -> np.ndarray:
    """Verb class, class of the main noun (-1 for none) and action, int64 [N, 3]."""
    actions = [(n.verb_class, frozenset(n.noun_classes)) for n in narrations]
    number = {action: i for i, action in enumerate(dict.fromkeys(actions))}
    main = [n.noun_classes[0] if n.noun_classes else -1 for n in narrations]
    return np.array([[n.verb_class for n in narrations], main, [number[a] for a in actions]], np.int64).T


def _parts(narrations: Sequence[Narration], nouns: int) -> Parts:
    hot = np.zeros((len(narrations), nouns), bool)
    for row, narration in zip(hot, narrations, strict=True):
        row[list(narration.noun_classes)] = True
    return Parts(np.array([n.verb_class for n in narrations]), hot)


def _phrases(path: Path, captions: Sequence[str]) -> tuple[Phrase, ...]:
    return tuple(_phrase(path, number, caption) for number, caption in enumerate(captions))


def _phrase(path: Path, number: int, caption: str) -> Phrase:
    try:
        return parse_query(caption)
    except TextError as error:
        raise TextError(f"{path}: caption {number}, counted from 0, {caption!r}: {error}") from None
