import codecs
from pathlib import Path

import pytest

from actret_core.data.readers.layout import (
    read_lines, require_folders, require_images, require_once, warn_about,
)  # fmt: skip
from actret_core.errors import DataError, DataWarning


def test_lines_skip_blanks_and_an_empty_file_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text("a.jpg\n\n  \nb.jpg")
    assert read_lines(path) == ["a.jpg", "b.jpg"]
    path.write_text("\n")
    for bad in (path, tmp_path / "absent.txt"):
        with pytest.raises(DataError, match=f"{bad.name}: missing or empty"):
            read_lines(bad)


@pytest.mark.parametrize("mark", [b"", codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE])
def test_lines_in_utf8_and_utf16(tmp_path: Path, mark: bytes) -> None:
    codec = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}.get(mark, "utf-8")
    path = tmp_path / "list.txt"
    path.write_bytes(mark + "a.jpg\r\nü.jpg ".encode(codec))
    assert read_lines(path) == ["a.jpg", "ü.jpg"]
    path.write_bytes("a.jpg\r\nü.jpg ".encode(codec))
    assert read_lines(path) == ["a.jpg", "ü.jpg"]


def test_lines_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_bytes(b"a.jpg\n\xfc.jpg")
    (tmp_path / "folder.txt").mkdir()
    for bad in ("list.txt", "folder.txt", f"{'a' * 300}.txt", "a\0.txt"):
        with pytest.raises(DataError, match=f"{bad}: cannot be read"):
            read_lines(tmp_path / bad)


def test_photographs_listed_twice_or_with_one_stem_are_named(tmp_path: Path) -> None:
    train, test = tmp_path / "train.txt", tmp_path / "test.txt"
    require_once(tmp_path, {train: ["a.jpg", "b.jpg"], test: ["c.jpg"]})
    with pytest.raises(DataError, match="1 photographs are .*: b.jpg in train.txt and b.jpg in test.txt; leave"):
        require_once(tmp_path, {train: ["a.jpg", "b.jpg"], test: ["b.jpg"]})
    with pytest.raises(DataError, match="2 photographs .* a.jpg in train.txt and a.png in train.txt; c.jpg in test"):
        require_once(tmp_path, {train: ["a.jpg", "a.png"], test: ["c.jpg", "c.jpg"]})


def test_one_warning_counts_and_names(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    warn_about(tmp_path, "cut", [])
    assert not recwarn
    with pytest.warns(DataWarning, match=r": cut: 4 \(a, b, c, \.\.\.\)$"):
        warn_about(tmp_path, "cut", list("abcd"))


def test_missing_folders_and_images_are_named(tmp_path: Path) -> None:
    (tmp_path / "JPEGImages").mkdir()
    (tmp_path / "JPEGImages" / "a.jpg").touch()
    require_folders(tmp_path, ("JPEGImages",))
    require_images(tmp_path, ["a.jpg"], "list.txt")
    with pytest.raises(DataError, match="no folder Annotations, ImageSets; expected"):
        require_folders(tmp_path, ("JPEGImages", "Annotations", "ImageSets"))
    with pytest.raises(DataError, match="2 of 3 images named by list.txt are absent, first b.jpg"):
        require_images(tmp_path, ["a.jpg", "b.jpg", "c.jpg"], "list.txt")
