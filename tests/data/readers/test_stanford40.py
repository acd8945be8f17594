from pathlib import Path

import pytest

from actret_core.data.readers.stanford40 import read_stanford40
from actret_core.errors import ConfigError, DataError


def test_reads_both_splits_in_the_order_of_the_lists(tiny: Path) -> None:
    train, test = read_stanford40(tiny, "train"), read_stanford40(tiny, "test", name="mine")
    assert (train.dataset, train.name, len(train)) == ("stanford40", "train", 8)
    assert (test.dataset, test.name) == ("mine", "test")
    assert train.actions == ("drinking", "phoning")
    assert test.ids == ["drinking_004", "drinking_005", "phoning_004", "phoning_005"]
    assert [s.labels for s in test.samples] == [(0,), (0,), (1,), (1,)]
    sample = test.samples[0]
    assert sample.image == tiny / "JPEGImages" / "drinking_004.jpg" and sample.image.is_file()
    assert sample.size == (60, 40) and sample.person == (10, 5, 30, 35)


def test_unknown_split(tiny: Path) -> None:
    with pytest.raises(ConfigError, match="split='val': expected one of train, test"):
        read_stanford40(tiny, "val")


def test_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere: no folder JPEGImages, XMLAnnotations, ImageSplits"):
        read_stanford40(tmp_path / "nowhere", "train")


@pytest.mark.parametrize(
    ("gone", "said"),
    [
        ("JPEGImages/phoning_002.jpg", "1 of 8 images named by .* are absent, first phoning_002.jpg"),
        ("XMLAnnotations/phoning_002.xml", "phoning_002.xml: annotation missing"),
        ("ImageSplits/phoning_train.txt", "phoning_train.txt: missing or empty"),
        ("ImageSplits/actions.txt", "actions.txt: missing or empty"),
    ],
)
def test_half_downloaded_folder(tiny: Path, gone: str, said: str) -> None:
    (tiny / gone).unlink()
    with pytest.raises(DataError, match=said):
        read_stanford40(tiny, "train")


def test_split_that_names_an_absent_image(tiny: Path) -> None:
    with open(tiny / "ImageSplits" / "drinking_test.txt", "a") as file:
        file.write("drinking_999.jpg\n")
    with pytest.raises(DataError, match="first drinking_999.jpg"):
        read_stanford40(tiny, "test")


def test_actions_file_with_nothing_but_its_header(tiny: Path) -> None:
    (tiny / "ImageSplits" / "actions.txt").write_text("action_name\tnumber_of_images\n")
    with pytest.raises(DataError, match="actions.txt: names no action"):
        read_stanford40(tiny, "train")


def test_real_counts(real_data: Path) -> None:
    train = read_stanford40(real_data / "stanford40", "train")
    test = read_stanford40(real_data / "stanford40", "test")
    assert (len(train), len(test), len(train.actions)) == (4000, 5532, 40)
    assert (train.targets.sum(0) == 100).all()
    assert not set(train.ids) & set(test.ids)
