"""The playground on disk: Stanford-40's layout, whole or not there at all."""

import gzip
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from actret_core.data.playground import PLAYGROUND_ACTIONS, PLAYGROUND_CAPTIONS, playground_root, write_playground
from actret_core.data.playground import write as writing
from actret_core.data.playground.scenes import compose, render
from actret_core.data.readers.stanford40 import read_stanford40
from actret_core.errors import DataError


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_playground(tmp_path_factory.mktemp("play") / "ground", images=48, progress=False)


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines()


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_splits_are_disjoint_and_balanced(folder: Path) -> None:
    splits = folder / "ImageSplits"
    train, test = lines(splits / "train.txt"), lines(splits / "test.txt")
    assert not set(train) & set(test)
    assert set(train) | set(test) == {p.name for p in (folder / "JPEGImages").iterdir()}
    for split, count in (("train", 3), ("test", 1)):
        assert [len(lines(splits / f"{a}_{split}.txt")) for a in PLAYGROUND_ACTIONS] == [count] * 12
    header, *rows = lines(splits / "actions.txt")
    assert header.split() == ["action_name", "number_of_images"]
    assert [row.split() for row in rows] == [[a, "4"] for a in PLAYGROUND_ACTIONS]


def test_the_reader_of_stanford40_reads_it(folder: Path) -> None:
    train, test = (read_stanford40(folder, split, name="playground") for split in ("train", "test"))
    assert train.actions == test.actions == PLAYGROUND_ACTIONS
    assert train.targets.sum(axis=0).tolist() == [3] * 12 and test.targets.sum(axis=0).tolist() == [1] * 12


def test_each_image_has_its_annotation_and_caption(folder: Path) -> None:
    captions = json.loads((folder / "captions.json").read_text())
    for path in (folder / "JPEGImages").iterdir():
        note = ElementTree.parse(folder / "XMLAnnotations" / f"{path.stem}.xml")
        w, h = Image.open(path).size
        x1, y1, x2, y2 = (int(note.findtext(f"object/bndbox/{k}")) for k in ("xmin", "ymin", "xmax", "ymax"))
        assert 0 <= x1 < x2 <= w and 0 <= y1 < y2 <= h
        assert (int(note.findtext("size/width")), int(note.findtext("size/height"))) == (w, h)
        action = note.findtext("object/action")
        assert note.findtext("filename") == path.name and path.name.startswith(action)
        assert (captions[path.name]["verb"], captions[path.name]["noun"]) == PLAYGROUND_CAPTIONS[action]


def test_proposals_refer_to_images_and_lie_inside(folder: Path) -> None:
    with gzip.open(folder / "proposals.json.gz") as file:
        results = json.load(file)
    sizes = {p.name: Image.open(p).size for p in (folder / "JPEGImages").iterdir()}
    assert {r["image_id"] for r in results} == set(sizes)
    for result in results:
        x, y, w, h = result["bbox"]
        assert x >= 0 and y >= 0 and w > 0 and h > 0
        assert x + w <= sizes[result["image_id"]][0] + 1e-6 and y + h <= sizes[result["image_id"]][1] + 1e-6


def test_an_image_depends_on_its_index_only(folder: Path, tmp_path: Path) -> None:
    fewer = write_playground(tmp_path / "fewer", images=36, progress=False)
    for path in (fewer / "JPEGImages").iterdir():
        assert path.read_bytes() == (folder / "JPEGImages" / path.name).read_bytes()
    written = Image.open(folder / "JPEGImages" / f"{PLAYGROUND_ACTIONS[1]}_002.png")
    assert np.array_equal(np.asarray(written), np.asarray(render(compose(0, 13)).image))


def test_two_runs_write_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    again = write_playground(tmp_path / "again", images=48, progress=False)
    assert contents(again) == contents(folder)


def test_a_finished_folder_is_returned_at_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "_write_all", lambda *_: pytest.fail("wrote again"))
    assert write_playground(folder, images=48) == folder


def test_a_folder_of_other_settings_is_left_alone(folder: Path) -> None:
    before = contents(folder)
    with pytest.raises(DataError, match=r"playground\.json.*remove"):
        write_playground(folder, seed=7, images=48)
    assert contents(folder) == before


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(DataError, match="no finished playground.*remove"):
        write_playground(tmp_path, images=36)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_folder_that_lost_images_is_an_error(folder: Path, tmp_path: Path) -> None:
    poorer = Path(shutil.copytree(folder, tmp_path / "play"))
    next((poorer / "JPEGImages").iterdir()).unlink()
    with pytest.raises(DataError, match="47 of 48 images"):
        write_playground(poorer, images=48)


def test_an_interrupted_run_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop_at(index: int) -> Callable[..., object]:
        def compose_or_stop(seed: int, i: int) -> object:
            if i == index:
                raise KeyboardInterrupt
            return compose(seed, i)

        return compose_or_stop

    monkeypatch.setattr(writing, "compose", stop_at(20))
    with pytest.raises(KeyboardInterrupt):
        write_playground(tmp_path / "play", images=36, progress=False)
    assert list(tmp_path.iterdir()) == []


def test_too_few_images_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="images=12"):
        write_playground(tmp_path / "play", images=12)


def test_a_cache_keeps_settings_apart(tmp_path: Path) -> None:
    settings = ({}, {"seed": 1}, {"images": 36})
    assert len({playground_root(tmp_path, **kwargs) for kwargs in settings}) == 3
