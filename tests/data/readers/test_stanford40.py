from pathlib import Path

import pytest

from actret_core.data.readers.stanford40 import read_stanford40
from actret_core.errors import ConfigError, DataError, DataWarning


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


def edit(path: Path, *change: str) -> None:
    text = path.read_text()
    assert change[0] in text
    path.write_text(text.replace(*change))


HEADER = "action_name\tnumber_of_images"


@pytest.mark.parametrize("text", ["drinking\t6\nphoning\t6", "drinking 6\nphoning 6", "drinking\nphoning",
                                  f"{HEADER}\ndrinking\nphoning\t\t6", "\ufeffdrinking\nphoning"])  # fmt: skip
def test_actions_with_and_without_a_header(tiny: Path, text: str) -> None:
    (tiny / "ImageSplits" / "actions.txt").write_text(text)
    assert read_stanford40(tiny, "train").actions == ("drinking", "phoning")


def test_without_a_header_a_missing_list_is_an_error(tiny: Path) -> None:
    (tiny / "ImageSplits" / "actions.txt").write_text("drinking 6\nphoning 6")
    for split in ("train", "test"):
        (tiny / "ImageSplits" / f"drinking_{split}.txt").unlink()
    with pytest.raises(DataError, match="drinking_train.txt: missing or empty"):
        read_stanford40(tiny, "train")


@pytest.mark.parametrize("file", ["riding a bike", "riding_a_bike"])
@pytest.mark.parametrize("row", ["riding a bike", "riding a bike 6", "riding a bike\t\t6"])
def test_an_action_with_blanks(tiny: Path, recwarn: pytest.WarningsRecorder, file: str, row: str) -> None:
    folder = tiny / "ImageSplits"
    for split in ("train", "test"):
        (folder / f"phoning_{split}.txt").rename(folder / f"{file}_{split}.txt")
    for xml in (tiny / "XMLAnnotations").glob("phoning*"):
        edit(xml, "phoning<", "Riding_a_bike<")
    (folder / "actions.txt").write_text(f"{HEADER}\ndrinking 6\n{row}")
    train = read_stanford40(tiny, "train")
    assert train.actions == ("drinking", "riding a bike") and train.samples[-1].labels == (1,)
    assert not recwarn


def test_a_number_in_a_name(tiny: Path) -> None:
    folder = tiny / "ImageSplits"
    for split in ("train", "test"):
        (folder / f"phoning_{split}.txt").rename(folder / f"give me 5_{split}.txt")
    (folder / "actions.txt").write_text("drinking\ngive me 5")
    with pytest.warns(DataWarning):
        assert read_stanford40(tiny, "train").actions == ("drinking", "give me 5")


@pytest.mark.parametrize("name", ["./drinking", "a/b", "."])
def test_an_action_that_is_a_path(tiny: Path, name: str) -> None:
    (tiny / "ImageSplits" / "actions.txt").write_text(f"{HEADER}\ndrinking 6\n{name} 6")
    with pytest.raises(DataError, match="actions.txt: no list can be called"):
        read_stanford40(tiny, "train")


def test_an_action_named_twice(tiny: Path) -> None:
    (tiny / "ImageSplits" / "actions.txt").write_text(f"{HEADER}\ndrinking 6\nphoning 6\nPhoning 6")
    with pytest.raises(DataError, match="actions.txt: names 'Phoning' twice"):
        read_stanford40(tiny, "train")


@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize(
    ("target", "image", "said"),
    [
        ("phoning_train", "drinking_000.jpg", "drinking_000.jpg in drinking_train.txt and .* in phoning_train.txt"),
        ("drinking_train", "drinking_000.jpg", "drinking_000.jpg in drinking_train.txt and .* in drinking_train.txt"),
        ("drinking_test", "drinking_000.jpg", "drinking_000.jpg in drinking_t.* and drinking_000.jpg in drinking_t"),
        ("drinking_train", "drinking_000.png", "drinking_000.jpg in .* and drinking_000.png in drinking_train.txt"),
    ],
)
def test_a_photograph_is_listed_once(tiny: Path, split: str, target: str, image: str, said: str) -> None:
    with open(tiny / "ImageSplits" / f"{target}.txt", "a") as file:
        file.write(f"{image}\n")
    with pytest.raises(DataError, match=f"ImageSplits: 1 photographs are listed twice.*{said}"):
        read_stanford40(tiny, split)


def test_an_annotation_of_another_action_is_named_and_the_list_counts(tiny: Path) -> None:
    for name in ("drinking_001", "drinking_003"):
        edit(tiny / "XMLAnnotations" / f"{name}.xml", "drinking<", "phoning<")
    with pytest.warns(DataWarning, match=r"another action .*: 2 \(drinking_001.jpg, drinking_003.jpg\)") as caught:
        train = read_stanford40(tiny, "train")
    assert len(caught) == 1 and train.samples[1].labels == (0,)


def test_the_person_who_performs_the_listed_action_is_taken(tiny: Path) -> None:
    xml = tiny / "XMLAnnotations" / "phoning_001.xml"
    person = xml.read_text().split("<object>")[1].split("</object>")[0]
    other = person.replace("phoning", "drinking").replace("<xmin>10", "<xmin>1")
    silent = other.replace("<action>drinking</action>", "")
    for persons, left in (((other, person, person.replace(">10", ">12")), 10), ((other, silent), 1), ((silent,), 1)):
        objects = "".join(f"<object>{p}</object>" for p in persons)
        xml.write_text(f"<annotation>{objects}<size><height>40</height><width>60</width></size></annotation>")
        if len(persons) == 1:
            assert read_stanford40(tiny, "train").samples[5].person[0] == left
            continue
        with pytest.warns(DataWarning, match=r"several persons.*: 1 \(phoning_001.jpg\)") as caught:
            assert read_stanford40(tiny, "train").samples[5].person[0] == left
        assert len(caught) == 1


def test_clipped_boxes_are_counted_in_one_warning(tiny: Path) -> None:
    for i in range(4):
        edit(tiny / "XMLAnnotations" / f"phoning_{i:03}.xml", "<xmax>30", "<xmax>61")
    with pytest.warns(DataWarning, match=r"clipped: 4 \(phoning_000.jpg, .*, phoning_002.jpg, \.\.\.\)") as caught:
        assert read_stanford40(tiny, "train").samples[4].person == (10, 5, 60, 35)
    assert len(caught) == 1


def test_real_counts(real_data: Path) -> None:
    train = read_stanford40(real_data / "stanford40", "train")
    test = read_stanford40(real_data / "stanford40", "test")
    assert (len(train), len(test), len(train.actions)) == (4000, 5532, 40)
    assert (train.targets.sum(0) == 100).all()
    assert not set(train.ids) & set(test.ids)
