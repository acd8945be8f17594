"""Photographs are decoded once, and a store of others is not taken for them."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import v2

from actret_core.data import photos
from actret_core.data.dataset import ActionDataset, read_image
from actret_core.data.photos import files_digest, store_photos, write_photos
from actret_core.data.sample import ActionSplit
from actret_core.data.split import subset
from actret_core.data.readers.stanford40 import read_stanford40
from actret_core.data.store import Store
from actret_core.errors import DataError


@pytest.fixture
def split(tiny: Path) -> ActionSplit:
    return read_stanford40(tiny, "train")


def store(split: ActionSplit, folder: Path, size: int = 28) -> Store:
    return store_photos(split.dataset, split.samples, size, folder, progress=False)


def test_it_holds_every_photograph_squashed(split: ActionSplit, tmp_path: Path) -> None:
    found = store(split, tmp_path)
    assert found.values.shape == (8, 3, 32, 32) and found.values.dtype == np.uint8
    for row, sample in zip(found.values, split.samples, strict=True):
        expected = v2.functional.resize(read_image(sample.image), [32, 32], antialias=True)
        assert torch.equal(torch.from_numpy(row.copy()), expected)
    assert found.info.names == tuple(s.image.name for s in split.samples)
    assert found.path.name.startswith("stanford40-32-") and found.path.name.endswith(".photos.npy")


def test_persons_of_one_photograph_share_it(split: ActionSplit, tmp_path: Path) -> None:
    copies = tuple(replace(s, id=f"{s.id}_{i}") for s in split.samples[:2] for i in range(2))
    found = store(replace(split, samples=copies), tmp_path)
    assert len(found.values) == 2
    assert ActionDataset(replace(split, samples=copies), dict.fromkeys((s.id for s in copies), torch.empty(0, 4)),
                         1, 28, found).raw.rows == [0, 0, 1, 1]


def test_a_finished_store_is_not_decoded_again(
    split: ActionSplit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = store(split, tmp_path)
    monkeypatch.setattr(photos, "read_sample", lambda _: pytest.fail("decoded again"))
    assert store(split, tmp_path).path == first.path


def test_an_interrupted_store_goes_on(split: ActionSplit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The seventh photograph is damaged; it is named, and after its repair only what is left is decoded."""
    damaged = split.samples[6].image
    whole, kept, state = store(split, tmp_path / "whole"), damaged.read_bytes(), damaged.stat()
    monkeypatch.setattr(photos, "BATCH", 2)
    damaged.write_bytes(b"\0" * len(kept))                # of the same length and time: seen when it is decoded
    os.utime(damaged, ns=(state.st_atime_ns, state.st_mtime_ns))
    with pytest.raises(DataError, match="phoning_002.jpg: cannot be read as an image"):
        store(split, tmp_path)
    damaged.write_bytes(kept)
    os.utime(damaged, ns=(state.st_atime_ns, state.st_mtime_ns))
    decoded, read = [], photos.read_sample
    monkeypatch.setattr(photos, "read_sample", lambda sample: decoded.append(sample.id) or read(sample))
    np.testing.assert_array_equal(store(split, tmp_path).values, whole.values)
    assert decoded == ["phoning_002", "phoning_003"]


def test_another_size_or_other_photographs_have_a_store_of_their_own(split: ActionSplit, tmp_path: Path) -> None:
    Image.new("RGB", (60, 40)).save(split.samples[0].image)
    names = {store(s, tmp_path, size).path.name for s, size in
             ((split, 28), (split, 32), (subset(split, range(4), "four"), 28))}  # fmt: skip
    assert len(names) == 3


def test_a_store_of_others_is_refused(split: ActionSplit, tmp_path: Path) -> None:
    found = store(split, tmp_path)
    samples, info, path = list(split.samples), found.info, found.path
    for change, said in (
        ({"dataset": "voc2012"}, r"dataset 'stanford40' \(wanted 'voc2012'\)"),
        ({"image_size": 64}, r"image_size 32 \(wanted 64\)"),
        ({"names": info.names[:4]}, r"8 pictures \(wanted 4\)"),
    ):
        with pytest.raises(DataError, match=f"photographs of another kind: {said}"):
            write_photos(path, replace(info, **change), samples, progress=False)


def test_changed_photographs_are_noticed(split: ActionSplit, tmp_path: Path) -> None:
    found = store(split, tmp_path)
    Image.effect_noise((60, 40), 80).convert("RGB").save(split.samples[5].image)
    now = replace(found.info, files=files_digest(s.image for s in split.samples))
    with pytest.raises(DataError, match="photographs of another kind: files "):
        write_photos(found.path, now, list(split.samples), progress=False)
    again = store(split, tmp_path)
    assert again.path != found.path and not np.array_equal(again.values[5], found.values[5])


def test_a_photograph_edited_in_place_is_noticed(split: ActionSplit, tmp_path: Path) -> None:
    """Bitmaps of one size in pixels have one size in bytes, too."""
    samples = tuple(replace(s, image=s.image.with_suffix(".bmp")) for s in split.samples)
    for sample in samples:
        Image.new("RGB", (60, 40)).save(sample.image)
    first = store(replace(split, samples=samples), tmp_path)
    state = samples[0].image.stat()
    Image.new("RGB", (60, 40), "white").save(samples[0].image)
    os.utime(samples[0].image, ns=(state.st_atime_ns, state.st_mtime_ns + 1))
    assert samples[0].image.stat().st_size == state.st_size
    second = store(replace(split, samples=samples), tmp_path)
    assert second.path != first.path and (second.values[0] == 255).all()


def test_an_absent_photograph_is_named(split: ActionSplit, tmp_path: Path) -> None:
    split.samples[2].image.unlink()
    with pytest.raises(DataError, match="drinking_002.jpg: cannot be read as an image"):
        store(split, tmp_path)
    assert not list(tmp_path.glob("*.photos*"))


def test_several_processes_decode_the_same(split: ActionSplit, tmp_path: Path) -> None:
    one, two = (store_photos("stanford40", split.samples, 28, tmp_path / str(n), n, False) for n in (0, 2))
    np.testing.assert_array_equal(one.values, two.values)


def test_what_the_square_costs_of_real_photographs(real_data: Path, tmp_path: Path) -> None:
    """Against the whole photograph squashed at once: a gray level or so of 255, in evaluation."""
    differences, test = [], read_stanford40(real_data / "stanford40", "test")
    few = subset(test, range(0, len(test), len(test) // 20)[:20], "few")
    found = store_photos("stanford40", few.samples, 224, tmp_path, progress=False)
    data = ActionDataset(few, dict.fromkeys(few.ids, torch.empty(0, 4)), 1, 224, found)
    scale = 255 * torch.tensor([0.229, 0.224, 0.225])[:, None, None]
    for i, sample in enumerate(few.samples):
        plain = v2.functional.resize(read_image(sample.image), [224, 224], antialias=True).float()
        seen = data[i]["image"] * scale + 255 * torch.tensor([0.485, 0.456, 0.406])[:, None, None]
        differences.append((seen - plain).abs().mean().item())
    assert 0.2 < np.mean(differences) < 2
