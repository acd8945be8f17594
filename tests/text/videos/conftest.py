"""Small captioned videos in the official layouts; features sum a direction for the verb and one for the noun."""

import csv
import pickle
from pathlib import Path

import numpy as np
import pytest

from actret_core.text import epic_kitchens as epic
from actret_core.text.features import STREAMS

VERBS = (("take", "pick-up"), ("put", "put-down"), ("wash", "rinse"))    # the words of each class
NOUNS = (("knife",), ("tap",), ("board:chopping", "board"))
COLUMNS = ("narration_id", "participant_id", "narration", "verb", "verb_class", "noun", "noun_class", "all_nouns",
           "all_noun_classes")


def _table(path: Path, columns: tuple[str, ...], rows: list[dict]) -> None:
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)


def _clips(participant: str, count: int) -> list[dict]:
    """Clips of all verbs with all nouns in turn, said in either word of a class; the last one has two nouns."""
    out = []
    for n in range(count):
        verb, noun, word = n % 3, n // 3 % 3, n // 9 % 2
        said, things = VERBS[verb][word], [NOUNS[noun][-word]]
        nouns = [noun]
        if n == count - 1:
            things, nouns = [*things, "tap"], [noun, 1]
        text = f"{said.replace('-', ' ')} {' and '.join(t.split(':')[0] for t in things)}"
        out.append({"narration_id": f"{participant}_{n}", "participant_id": participant, "narration": text,
                    "verb": said, "verb_class": verb, "noun": things[0], "noun_class": noun, "all_nouns": things,
                    "all_noun_classes": nouns})
    return out


def _features(clips: list[dict], seed: int) -> dict[str, np.ndarray]:
    axes = np.random.default_rng(0).normal(size=(2, 3, 3 * 1024)).astype(np.float32)
    noise = np.random.default_rng(seed)
    centers = np.stack([axes[0, c["verb_class"]] + axes[1, c["all_noun_classes"]].mean(0) for c in clips])
    segments = centers[:, None] + noise.normal(size=(len(clips), 25, 3 * 1024)).astype(np.float32)
    return dict(zip(STREAMS, np.split(segments, 3, axis=2), strict=True))


@pytest.fixture(scope="session")
def epic_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """30 training and 20 test clips: the CSV files, `train.pkl` as published, and the means `test.npz`."""
    folder = tmp_path_factory.mktemp("epic")
    for name, classes in ((epic.VERBS, VERBS), (epic.NOUNS, NOUNS)):
        rows = [{"id": i, "key": words[0], "instances": list(words)} for i, words in enumerate(classes)]
        _table(folder / name, ("id", "key", "instances"), rows)
    train, test = _clips("P01", 30), _clips("P02", 20)
    _table(folder / epic.TRAIN_CLIPS, COLUMNS, train)
    _table(folder / epic.TEST_CLIPS, COLUMNS, test)
    distinct = {clip["narration"]: clip for clip in reversed(test)}
    _table(folder / epic.TEST_SENTENCES, COLUMNS[:1] + COLUMNS[2:3], list(distinct.values()))
    (folder / "train.pkl").write_bytes(pickle.dumps(_features(train, 1)))
    np.savez(folder / "test.npz", **{name: v.mean(1) for name, v in _features(test, 2).items()})
    return folder


@pytest.fixture(scope="session")
def captioned_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`train.npz` of 12 videos with three captions each and `test.npz` of 6 with two, in the generic layout."""
    folder, axes = tmp_path_factory.mktemp("captioned"), np.random.default_rng(0).normal(size=(7, 16))
    verbs, nouns = ("riding", "washing", "cutting"), ("bike", "horse", "car", "tree")
    for split, videos, wordings in (
        ("train", range(12), ("a man is {} a {}", "{} the {}", "a woman is {} some {}")),
        ("test", (0, 4, 5, 7, 9, 11), ("somebody is {} a {}", "{} one {}")),
    ):
        noise = np.random.default_rng(len(split)).normal(size=(len(videos), 16))
        features = np.stack([axes[v % 3] + axes[3 + v % 4] for v in videos]) + 0.1 * noise
        captions = [words.format(verbs[v % 3], nouns[v % 4]) for words in wordings for v in videos]
        captions[-1] = f"the {nouns[videos[-1] % 4]}"                    # of the last video, without a verb
        ids = [f"video{v}" for v in videos]
        np.savez(folder / f"{split}.npz", features=features, ids=ids, captions=captions,
                 caption_ids=ids * len(wordings))
    return folder
