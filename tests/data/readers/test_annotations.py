from pathlib import Path

import pytest
from PIL import Image

from actret_core.data.readers.annotations import read_annotation
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
        (SIZE + PERSON.replace("<xmin>10", "<xmin>60").replace("30", "70"), "empty or leaves the image"),
        (SIZE + PERSON.replace("<ymin>5", "<ymin>nan"), "empty or leaves the image"),
        (PERSON, "not a readable annotation"),
        (SIZE.replace("60", "0") + PERSON, "not a readable annotation"),
        *((SIZE.replace("60", width) + PERSON, "not a readable annotation")
          for width in ("wide", "60.5", "-60", "nan", "1e999")),
        (SIZE + PERSON.replace("</object>", ""), "not a readable annotation"),
    ],
)
def test_bad_annotations_name_the_file(tmp_path: Path, body: str, said: str) -> None:
    with pytest.raises(DataError, match=rf"a\.xml: .*{said}"):
        read_annotation(annotation(tmp_path, body))


@pytest.mark.parametrize("start", ["<?xml version='1.0' encoding='klingon'?>", "\0"])
def test_an_annotation_in_no_encoding_and_a_folder(tmp_path: Path, start: str) -> None:
    path = annotation(tmp_path, SIZE + PERSON)
    path.write_text(start + path.read_text())
    (tmp_path / "b.xml").mkdir()
    for bad in (path, tmp_path / "b.xml"):
        with pytest.raises(DataError, match=f"{bad.name}: not a readable annotation"):
            read_annotation(bad)


@pytest.mark.parametrize(
    ("change", "box"),
    [
        (("<xmax>30", "<xmax>61"), (10, 5, 60, 35.5)),
        (("<ymin>5", "<ymin>-1"), (10, 0, 30, 35.5)),
        (("<ymax>35.5", "<ymax>43"), (10, 5, 30, 40)),
        (("", ""), (10, 5, 30, 35.5)),
    ],
)
def test_a_box_that_leaves_the_image_is_clipped(tmp_path: Path, change: tuple[str, str], box: tuple) -> None:
    (person,) = read_annotation(annotation(tmp_path, SIZE + PERSON.replace(*change)))[1]
    assert person.box == box and person.clipped == (change[0] != "")


@pytest.mark.parametrize("change", [("<xmax>30", "<xmax>67"), ("<ymin>5", "<ymin>-5"), ("<ymax>35.5", "<ymax>inf")])
def test_a_box_in_other_pixels_is_an_error(tmp_path: Path, change: tuple[str, str]) -> None:
    """More than a tenth of the image's side beyond its border is no slip of a labelling tool."""
    with pytest.raises(DataError, match=r"a.xml: box .* leaves the image of \(60, 40\) pixels"):
        read_annotation(annotation(tmp_path, SIZE + PERSON.replace(*change)))


def test_what_is_plain_is_read(tmp_path: Path) -> None:
    body = SIZE.replace("60", " 60.0 ") + PERSON.replace(">person<", "> Person\n<")
    size, (person,) = read_annotation(annotation(tmp_path, body))
    assert size == (60, 40) and person.box == (10, 5, 30, 35.5)


@pytest.mark.parametrize("width", ["<width>0</width>", "<width/>", ""])
def test_without_an_annotated_size_it_is_the_photographs(tmp_path: Path, width: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6                                                     # a quarter turn: shown as 60 x 40
    Image.new("RGB", (40, 60)).save(tmp_path / "a.jpg", exif=exif)
    path = annotation(tmp_path, SIZE.replace("<width>60</width>", width) + PERSON)
    assert read_annotation(path, tmp_path / "a.jpg")[0] == (60, 40)
    with pytest.raises(DataError, match="b.jpg: cannot be read as an image"):
        read_annotation(path, tmp_path / "b.jpg")


def test_missing_annotation(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="b.xml: annotation missing"):
        read_annotation(tmp_path / "b.xml")
