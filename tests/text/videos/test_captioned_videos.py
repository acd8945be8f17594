import shutil
from pathlib import Path

import numpy as np
import pytest

from actret_core.errors import DataError, TextError
from actret_core.text import epic_kitchens as epic
from actret_core.text.phrase import Phrase
from actret_core.text.videos.captioned import read_epic, read_pair


def _relevance(query: dict, clip: dict) -> float:
    shared, union = set(query["nouns"]) & set(clip["nouns"]), set(query["nouns"]) | set(clip["nouns"])
    return ((query["verb"] == clip["verb"]) + len(shared) / len(union)) / 2


def test_epic_in_its_official_layout(epic_folder: Path) -> None:
    found = read_epic(epic_folder, epic_folder / "train.pkl", epic_folder / "test.npz", allow_pickle=True)
    assert found.train.features.shape == (30, 3072) and found.gallery.shape == (20, 3072)
    assert found.train.phrases[9] == Phrase("pick-up", ("knife",)) and found.train.rows is None
    labels = found.train.labels
    assert labels[0].tolist() == labels[9].tolist() == [0, 0, 0], "one class in other words"
    assert labels[29].tolist()[:2] == [2, 0] and labels[29, 2] != labels[20, 2], "two nouns make another action"
    clips = epic.read_narrations(epic_folder / epic.TEST_CLIPS)
    asked = epic.read_sentences(epic_folder / epic.TEST_SENTENCES, clips)
    assert len(found.queries) == len({c.text for c in clips}) == len(asked) < 20 and found.ranks == ()
    parts = [[{"verb": n.verb_class, "nouns": n.noun_classes} for n in side] for side in (asked, clips)]
    expected = [[_relevance(query, clip) for clip in parts[1]] for query in parts[0]]
    np.testing.assert_allclose(found.relevant, expected)


def test_epic_that_does_not_fit(epic_folder: Path, tmp_path: Path) -> None:
    train, test = epic_folder / "train.pkl", epic_folder / "test.npz"
    with pytest.raises(DataError, match="a pickle can run any code.*--trust-pickle"):
        read_epic(epic_folder, train, test)
    with pytest.raises(DataError, match="test.npz: RGB has 20 clips, the captions 30; name the files of one split"):
        read_epic(epic_folder, test, test)
    for name in (epic.VERBS, epic.NOUNS, epic.TRAIN_CLIPS, epic.TEST_CLIPS):
        shutil.copy(epic_folder / name, tmp_path)
    with pytest.raises(DataError, match="test_sentence.csv: cannot be read .*name the folder of the official CSV"):
        read_epic(tmp_path, train, test)


def test_several_captions_a_video(captioned_folder: Path) -> None:
    found = read_pair(captioned_folder / "train.npz", captioned_folder / "test.npz")
    assert found.train.features.shape == (12, 16) and len(found.train.phrases) == 36
    assert found.train.rows.tolist() == list(range(12)) * 3
    assert found.train.phrases[0] == Phrase("ride", ("bike",)) == found.train.phrases[12]
    assert found.train.phrases[35] == found.queries[-1] == Phrase("", ("tree",)), "without a verb, still a caption"
    labels = found.train.labels
    assert labels[:, 2].tolist() == found.train.rows.tolist(), "its own video, and no other"
    assert labels[35, 0] == -1 and labels[0, 0] == labels[3, 0] and labels[0, 1] == labels[4, 1], "shared by the word"
    np.testing.assert_array_equal(found.relevant, np.vstack([np.eye(6), np.eye(6)]))
    assert found.ranks == (1, 5, 10)


def test_pairs_of_files_that_do_not_fit(captioned_folder: Path, tmp_path: Path) -> None:
    with np.load(captioned_folder / "test.npz") as file:
        test = dict(file)
    np.savez(tmp_path / "narrow.npz", **test | {"features": test["features"][:, :5]})
    with pytest.raises(DataError, match="narrow.npz: features of 5 numbers, but .*train.npz has 16"):
        read_pair(captioned_folder / "train.npz", tmp_path / "narrow.npz")
    np.savez(tmp_path / "empty.npz", **test | {"captions": np.array([" ", *test["captions"][1:]])})
    with pytest.raises(TextError, match="empty.npz: caption 0, counted from 0, ' ': caption is empty"):
        read_pair(captioned_folder / "train.npz", tmp_path / "empty.npz")
