from pathlib import Path

import pytest

from actret_core.data.readers.annotations import read_annotation, read_lines, require_folders, require_images
from actret_core.errors import DataError

BOX = "<bndbox><xmax>30</xmax><xmin>10</xmin><ymax>35.5</ymax><ymin>5</ymin></bndbox>"
PERSON = f"<object><name>person</name>{BOX}</object>"
SIZE = "<size><width>60</width><height>40</height></size>"


def annotation(tmp_path: Path, body: str) -> Path:
    path = tmp_path / "a.xml"
    path.write_text(f"<annotation>{body}</annotation>")
    return path


def test_size_box_and_action_of_stanford40(tmp_path: Path) -> None:
    named = PERSON.replace("</name>", "</name><action>riding_a_bike</action>")
    size, (person,) = read_annotation(annotation(tmp_path, SIZE + named))
    assert size == (60, 40)
    assert person.box == (10, 5, 30, 35.5) and person.actions == ("riding_a_bike",)


def test_actions_of_voc_are_those_marked_with_one(tmp_path: Path) -> None:
    marked = "<actions><jumping>0</jumping><phoning>1</phoning><walking> 1 </walking></actions>"
    horse, person = PERSON.replace("person", "horse"), PERSON.replace("</object>", f"{marked}</object>")
    body = SIZE + horse + person + PERSON
    _, (first, second) = read_annotation(annotation(tmp_path, body))
    assert first.index == 1 and first.actions == ("phoning", "walking")  # the horse is object 0
    assert second.index == 2 and second.actions is None


def test_nothing_marked_differs_from_nothing_said(tmp_path: Path) -> None:
    body = SIZE + PERSON.replace("</object>", "<actions><jumping>0</jumping></actions></object>")
    assert read_annotation(annotation(tmp_path, body))[1][0].actions == ()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (SIZE, "no person with a box"),
        (SIZE + PERSON.replace("person", "dog"), "no person with a box"),
        (SIZE + PERSON.replace(BOX, ""), "no complete <bndbox>"),
        (SIZE + PERSON.replace("<xmin>10</xmin>", ""), "no complete <bndbox>"),
        (SIZE + PERSON.replace("<xmax>30", "<xmax>10"), "empty or leaves the image"),
        (SIZE + PERSON.replace("<xmax>30", "<xmax>9"), "empty or leaves the image"),
        (SIZE + PERSON.replace("<xmax>30", "<xmax>61"), "empty or leaves the image"),
        (SIZE + PERSON.replace("<ymin>5", "<ymin>-1"), "empty or leaves the image"),
        (SIZE + PERSON.replace("<ymin>5", "<ymin>nan"), "empty or leaves the image"),
        (PERSON, "not a readable annotation"),
        (SIZE.replace("60", "wide") + PERSON, "not a readable annotation"),
        (SIZE + PERSON.replace("</object>", ""), "not a readable annotation"),
    ],
)
def test_bad_annotations_name_the_file(tmp_path: Path, body: str, said: str) -> None:
    with pytest.raises(DataError, match=rf"a\.xml: .*{said}"):
        read_annotation(annotation(tmp_path, body))


def test_missing_annotation(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="b.xml: annotation missing"):
        read_annotation(tmp_path / "b.xml")


def test_lines_skip_blanks_and_an_empty_file_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text("a.jpg\n\n  \nb.jpg")
    assert read_lines(path) == ["a.jpg", "b.jpg"]
    path.write_text("\n")
    for bad in (path, tmp_path / "absent.txt"):
        with pytest.raises(DataError, match=f"{bad.name}: missing or empty"):
            read_lines(bad)


def test_missing_folders_and_images_are_named(tmp_path: Path) -> None:
    (tmp_path / "JPEGImages").mkdir()
    (tmp_path / "JPEGImages" / "a.jpg").touch()
    require_folders(tmp_path, ("JPEGImages",))
    require_images(tmp_path, ["a.jpg"], "list.txt")
    with pytest.raises(DataError, match="no folder Annotations, ImageSets; expected"):
        require_folders(tmp_path, ("JPEGImages", "Annotations", "ImageSets"))
    with pytest.raises(DataError, match="2 of 3 images named by list.txt are absent, first b.jpg"):
        require_images(tmp_path, ["a.jpg", "b.jpg", "c.jpg"], "list.txt")
