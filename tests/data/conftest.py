"""A data set of twelve images in Stanford-40's layout, small enough to write by hand for every test."""

from pathlib import Path

import pytest
from PIL import Image, ImageDraw

ACTIONS = ("drinking", "phoning")
SIZE, PERSON = (60, 40), (10, 5, 30, 35)
XML = """<annotation><filename>{name}</filename><object><name>person</name><action>{action}</action>
<bndbox><xmax>{2}</xmax><xmin>{0}</xmin><ymax>{3}</ymax><ymin>{1}</ymin></bndbox></object>
<size><depth>3</depth><height>40</height><width>60</width></size></annotation>"""


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """Two actions, each with four images for training and two for testing; the person is a red rectangle."""
    root = tmp_path / "tiny"
    for folder in ("JPEGImages", "XMLAnnotations", "ImageSplits"):
        (root / folder).mkdir(parents=True)
    lists = root / "ImageSplits"
    rows = ["action_name\tnumber_of_images", *(f"{action}\t6" for action in ACTIONS)]
    (lists / "actions.txt").write_text("\n".join(rows))
    for action in ACTIONS:
        names = [f"{action}_{i:03}.jpg" for i in range(6)]
        (lists / f"{action}_train.txt").write_text("\n".join(names[:4]) + "\n")
        (lists / f"{action}_test.txt").write_text("\n".join(names[4:]) + "\n")
        for name in names:
            _write_image(root, name, action)
    return root


def _write_image(root: Path, name: str, action: str) -> None:
    image = Image.new("RGB", SIZE)
    ImageDraw.Draw(image).rectangle((*PERSON[:2], PERSON[2] - 1, PERSON[3] - 1), fill=(255, 0, 0))
    image.save(root / "JPEGImages" / name, quality=95)
    xml = (root / "XMLAnnotations" / name).with_suffix(".xml")
    xml.write_text(XML.format(*PERSON, name=name, action=action))
