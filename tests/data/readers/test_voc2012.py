from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from actret_core.data.sample import ActionSplit
from actret_core.data.readers.voc2012 import ACTIONS, read_voc2012
from actret_core.errors import ConfigError, DataError, DataWarning

OBJECT = """<object><name>{name}</name>{actions}
<bndbox><xmax>30</xmax><xmin>{x}</xmin><ymax>35</ymax><ymin>5</ymin></bndbox></object>"""


def _object(x: int, *marked: str, name: str = "person", annotated: bool = True) -> str:
    flags = "".join(f"<{a}>{int(a in marked)}</{a}>" for a in (*ACTIONS, "other"))
    return OBJECT.format(name=name, x=x, actions=f"<actions>{flags}</actions>" if annotated else "")


@pytest.fixture
def tiny_voc(tmp_path: Path) -> Path:
    """One image: a rider who phones, a horse, somebody unannotated, somebody who does something else."""
    for folder in ("JPEGImages", "Annotations", "ImageSets/Action"):
        (tmp_path / folder).mkdir(parents=True)
    Image.new("RGB", (60, 40)).save(tmp_path / "JPEGImages" / "2011_7.jpg")
    objects = [
        _object(1, "ridinghorse", "phoning"),
        _object(2, name="horse", annotated=False),
        _object(3, annotated=False),
        _object(4, "other"),
    ]
    size = "<size><width>60</width><height>40</height></size>"
    (tmp_path / "Annotations" / "2011_7.xml").write_text(f"<annotation>{''.join(objects)}{size}</annotation>")
    for split in ("val", "trainval"):
        (tmp_path / "ImageSets" / "Action" / f"{split}.txt").write_text("2011_7\n")
    return tmp_path


def test_a_sample_is_a_person_with_any_number_of_actions(tiny_voc: Path) -> None:
    split = read_voc2012(tiny_voc, "val")
    assert (split.dataset, split.name, split.actions) == ("voc2012", "val", ACTIONS)
    assert split.ids == ["2011_7#0", "2011_7#3"]
    assert [{ACTIONS[i] for i in s.labels} for s in split.samples] == [{"ridinghorse", "phoning"}, set()]
    assert all(s.image == tiny_voc / "JPEGImages" / "2011_7.jpg" for s in split.samples)
    assert split.samples[1].person == (4, 5, 30, 35)


def test_photographs_may_be_left_out_on_purpose(tiny_voc: Path) -> None:
    (tiny_voc / "JPEGImages" / "2011_7.jpg").unlink()
    with pytest.raises(DataError, match="1 of 1 images named by .*/val.txt are absent, first 2011_7.jpg"):
        read_voc2012(tiny_voc, "val")
    (tiny_voc / "JPEGImages").rmdir()
    with pytest.raises(DataError, match="no folder JPEGImages"):
        read_voc2012(tiny_voc, "val")
    assert len(read_voc2012(tiny_voc, "val", images=False)) == 2


def test_bad_input_is_named(tiny_voc: Path) -> None:
    with pytest.raises(ConfigError, match="split='test': expected one of train, val, trainval"):
        read_voc2012(tiny_voc, "test")
    xml = tiny_voc / "Annotations" / "2011_7.xml"
    xml.write_text(xml.read_text().replace("actions>", "deeds>"))
    with pytest.raises(DataError, match="2011_7.xml: no person with <actions>"):
        read_voc2012(tiny_voc, "val")


def test_boxes_are_clipped_and_an_image_is_listed_once(tiny_voc: Path) -> None:
    xml = tiny_voc / "Annotations" / "2011_7.xml"
    xml.write_text(xml.read_text().replace("<xmax>30", "<xmax>61").replace("<width>60", "<width>0"))
    with pytest.warns(DataWarning, match=r"clipped: 2 \(2011_7#0, 2011_7#3\)") as caught:
        assert read_voc2012(tiny_voc, "val").samples[1].person == (4, 5, 60, 35)
    assert len(caught) == 1
    (tiny_voc / "ImageSets" / "Action" / "train.txt").write_text("2011_7\n")
    for split in ("train", "val"):
        with pytest.raises(DataError, match="1 photographs are listed twice"):
            read_voc2012(tiny_voc, split)
    with pytest.warns(DataWarning):
        read_voc2012(tiny_voc, "trainval")


# The official annotations


@pytest.fixture(scope="module")
def voc(real_data: Path) -> dict[str, ActionSplit]:
    root = real_data / "VOC2012_action_annotations"
    return {split: read_voc2012(root, split, images=False) for split in ("train", "val", "trainval")}


def _marked(real_data: Path, split: str) -> dict[str, dict[str, bool]]:
    """What the lists say: action -> sample id -> is it performed; they count objects from 1."""
    lists, folder = {}, real_data / "VOC2012_action_annotations" / "ImageSets" / "Action"
    for action in ACTIONS:
        rows = [row.split() for row in (folder / f"{action}_{split}.txt").read_text().splitlines()]
        lists[action] = {f"{stem}#{int(index) - 1}": mark == "1" for stem, index, mark in rows}
    return lists


@pytest.mark.parametrize(("split", "images", "persons"), [("train", 2296, 3134), ("val", 2292, 3144)])
def test_real_labels_agree_with_every_line_of_the_lists(
    real_data: Path, voc: dict[str, ActionSplit], split: str, images: int, persons: int
) -> None:
    data, lists = voc[split], _marked(real_data, split)
    assert len({s.image for s in data.samples}) == images and len(data) == persons
    targets = dict(zip(data.ids, data.targets, strict=True))
    for column, action in enumerate(ACTIONS):
        assert {i: bool(targets[i][column]) for i in lists[action]} == lists[action]
        assert data.targets[:, column].sum() == sum(lists[action].values())


def test_real_jumping_lists_leave_out_the_persons_of_2010(
    real_data: Path, voc: dict[str, ActionSplit]
) -> None:
    data, lists = voc["trainval"], _marked(real_data, "trainval")
    assert len(data) == 6278
    missing = [s for s in data.samples if s.id not in lists["jumping"]]
    assert len(missing) == 608 == sum(i.startswith("2010_") for i in data.ids)
    assert all(s.id.startswith("2010_") and ACTIONS.index("jumping") not in s.labels for s in missing)
    assert all(set(lists[action]) == set(data.ids) for action in ACTIONS if action != "jumping")


def _with_positive_in_own_photograph(split: ActionSplit) -> int:
    photograph = np.array([s.image_id for s in split.samples])
    shared = split.targets.astype(int) @ split.targets.T.astype(int) > 0
    np.fill_diagonal(shared, False)
    return int((shared & (photograph[:, None] == photograph)).any(1).sum())


def test_real_queries_and_distractors_of_val(voc: dict[str, ActionSplit]) -> None:
    val = voc["val"]
    assert Counter(bool(s.labels) for s in val.samples) == {True: 2622, False: 522}
    assert _with_positive_in_own_photograph(val) == 996
