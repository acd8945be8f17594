import struct
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

from actret_core.data.augment import Augment
from actret_core.data.dataset import ActionDataset, pad_regions, read_image, read_sample
from actret_core.data.photos import store_photos
from actret_core.data.sample import ActionSplit
from actret_core.data.split import subset
from actret_core.data.readers.stanford40 import read_stanford40
from actret_core.errors import ConfigError, DataError
from actret_core.regions.proposals import read_proposals
from actret_core.regions.ranking import rank_split


@pytest.fixture
def split(tiny: Path) -> ActionSplit:
    return read_stanford40(tiny, "test")


def context_of(split: ActionSplit, *boxes: tuple[float, ...]) -> dict[str, torch.Tensor]:
    return {i: torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4) for i in split.ids}


def test_an_item_holds_the_three_views_and_the_target(split: ActionSplit) -> None:
    context = context_of(split, (0, 0, 30, 20), (30, 20, 60, 40))
    item = ActionDataset(split, context, 3, 120)[2]
    assert {name: tuple(value.shape) for name, value in item.items()} == {
        "image": (3, 120, 120), "person": (4,), "regions": (3, 4), "mask": (3,), "target": (2,), "index": (),
    }  # fmt: skip
    assert item["person"].tolist() == [20, 15, 60, 105]  # twice as wide, three times as high
    assert item["regions"].tolist() == [[0, 0, 60, 60], [60, 60, 120, 120], [0, 0, 0, 0]]
    assert item["mask"].tolist() == [True, True, False]
    assert item["target"].tolist() == [0, 1] and item["index"] == 2
    assert type(item["regions"]) is torch.Tensor and item["image"].dtype == torch.float32


def test_only_the_best_k_regions_are_taken(split: ActionSplit) -> None:
    context = context_of(split, (0, 0, 60, 40), (0, 0, 6, 4), (0, 0, 12, 8))
    item = ActionDataset(split, context, 2, 60)[0]
    assert item["mask"].all() and item["regions"][:, 2].tolist() == [60, 6]


@pytest.mark.parametrize("how", [Augment(), Augment(0.6, jitter=0.2, mirror=0.5)])
def test_an_image_without_proposals_is_all_masked(split: ActionSplit, how: Augment) -> None:
    batch = next(iter(DataLoader(ActionDataset(split, context_of(split), 10, 32, augment=how), batch_size=4)))
    assert batch["regions"].shape == (4, 10, 4) and not batch["mask"].any() and not batch["regions"].any()


def test_regions_are_padded_or_cut_to_k() -> None:
    regions = torch.tensor([[5.0, 5, 6, 9], [1, 1, 4, 4], [0, 3, 9, 4]])
    assert torch.equal(pad_regions(regions, 2), regions[:2])
    assert pad_regions(regions[:1], 3).tolist() == [[5, 5, 6, 9], [0] * 4, [0] * 4]
    assert pad_regions(regions[:0], 2).tolist() == [[0] * 4] * 2


def test_a_store_changes_nothing(split: ActionSplit, tmp_path: Path) -> None:
    context = context_of(split, (0, 0, 30, 20))
    photos = store_photos(split.dataset, split.samples, 16, tmp_path, progress=False)
    plain, stored = (ActionDataset(split, context, 1, 16, photos=p) for p in (None, photos))
    split.samples[3].image.unlink()
    for i in range(3):
        torch.testing.assert_close(plain[i], stored[i], rtol=0, atol=0)
    assert stored[3]["target"].tolist() == [0, 1]  # the file is gone


def test_a_batch_is_what_its_items_are(split: ActionSplit, tmp_path: Path) -> None:
    """What `fit` does on the device is what an item shows."""
    context = context_of(split, (0, 0, 30, 20), (30, 20, 60, 40))
    data = ActionDataset(split, context, 3, 48)
    batch = data.prepare(next(iter(DataLoader(data.raw, batch_size=4))))
    assert batch["image"].shape == (4, 3, 48, 48) and data.raw[0]["image"].dtype == torch.uint8
    for i in range(4):
        for name, value in data[i].items():
            torch.testing.assert_close(batch[name][i], value, rtol=0, atol=1e-5)


def test_an_augmented_item_differs_each_time(split: ActionSplit) -> None:
    data = ActionDataset(split, context_of(split), 1, 32, augment=Augment(0.6, mirror=0.5))
    torch.manual_seed(0)
    first, second = data[0], data[0]
    assert not torch.equal(first["image"], second["image"]) and not torch.equal(first["person"], second["person"])
    torch.manual_seed(0)
    torch.testing.assert_close(data[0], first, rtol=0, atol=0)


def test_a_store_of_another_data_set_or_image_size(split: ActionSplit, tiny: Path, tmp_path: Path) -> None:
    photos = store_photos(split.dataset, split.samples, 16, tmp_path, progress=False)
    with pytest.raises(DataError, match="photographs of 24 x 24 pixels, asked for 40 x 40; store them for this image"):
        ActionDataset(split, context_of(split), 1, 32, photos)
    train = read_stanford40(tiny, "train")
    with pytest.raises(DataError, match="lacks the photographs of drinking_000.jpg and 7 more"):
        ActionDataset(train, context_of(train), 1, 16, photos)
    with pytest.raises(DataError, match="photographs of stanford40, asked for those of other"):
        ActionDataset(replace(split, dataset="other"), context_of(split), 1, 16, photos)


def test_k_of_zero(split: ActionSplit) -> None:
    with pytest.raises(ConfigError, match="k=0: expected at least one"):
        ActionDataset(split, context_of(split), 0, 16)


def test_a_sample_that_was_not_ranked_is_named(split: ActionSplit) -> None:
    context = context_of(split)
    del context["phoning_004"]
    with pytest.raises(DataError, match="for 1 samples, first phoning_004"):
        ActionDataset(split, context, 1, 16)


def test_an_image_of_another_size_than_annotated_is_named(split: ActionSplit) -> None:
    Image.new("RGB", (61, 40)).save(split.samples[0].image)
    with pytest.raises(DataError, match=r"drinking_004.jpg: 61 x 40 pixels, annotated as \(60, 40\)"):
        ActionDataset(split, context_of(split), 1, 16)[0]


@pytest.mark.parametrize("name", ["cut.jpg", "cut.png", "empty.jpg", "text.jpg", "absent.jpg"])
def test_damaged_images_are_named(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name.startswith("cut"):
        Image.effect_noise((60, 40), 80).save(path)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    elif name != "absent.jpg":
        path.write_text("<html>404</html>" if name == "text.jpg" else "")
    with pytest.raises(DataError, match=f"{name}: cannot be read as an image"):
        read_image(path)


def test_gray_and_palette_images_become_rgb(tmp_path: Path) -> None:
    for mode in ("L", "P", "RGBA", "CMYK"):
        path = tmp_path / f"{mode}.{'jpg' if mode in ('L', 'CMYK') else 'png'}"
        Image.new(mode, (6, 4)).save(path)
        image = read_image(path)
        assert image.shape == (3, 4, 6) and image.dtype == torch.uint8


@pytest.mark.parametrize(
    ("name", "values", "seen"),
    [
        ("16.png", np.array([0, 257, 32768, 65535], np.uint16), [0, 1, 128, 255]),
        ("16.tif", np.array([0, 257, 32768, 65535], np.uint16), [0, 1, 128, 255]),
        ("big_endian.tif", np.array([0, 257, 32768, 65535], ">u2"), [0, 1, 128, 255]),
        ("dark.png", np.array([0, 255, 100, 514], np.uint16), [0, 1, 0, 2]),
        ("16.pgm", np.array([0, 257, 32768, 65535], np.uint16), [0, 1, 128, 255]),
        ("32.tif", np.array([0, 257, 32768, 65535], np.int32), [0, 1, 128, 255]),
        ("32_of_8.tif", np.array([0, 1, 128, 255], np.int32), [0, 1, 128, 255]),
        ("unit.tif", np.array([0, 0.25, 0.5, 1], np.float32), [0, 64, 128, 255]),
        ("overshoot.tif", np.array([-0.02, 0.25, 0.5, 1.02], np.float32), [0, 64, 128, 255]),
        ("float_of_8.tif", np.array([0, 1, 127.6, 255], np.float32), [0, 1, 128, 255]),
        ("float_of_16.tif", np.array([0, 257, 32768, 65535], np.float32), [0, 1, 128, 255]),
    ],
)
def test_grey_values_are_scaled_to_8_bits(tmp_path: Path, name: str, values: np.ndarray, seen: list[int]) -> None:
    Image.fromarray(values.reshape(2, 2)).save(tmp_path / name)
    image = read_image(tmp_path / name)
    assert image.dtype == torch.uint8 and image.flatten(1).tolist() == [seen] * 3


@pytest.mark.parametrize("values", [[0, np.nan], [-1, 1], [0, 1e6], [0, np.inf]])
def test_grey_values_without_a_plain_white_are_refused(tmp_path: Path, values: list[float]) -> None:
    Image.fromarray(np.array([values], np.float32)).save(tmp_path / "a.tif")
    with pytest.raises(DataError, match=r"a.tif: cannot be read as an image \(grey values from .*which is white"):
        read_image(tmp_path / "a.tif")


def test_a_picture_over_pillows_limit(tmp_path: Path) -> None:
    header, data = b"IHDR" + struct.pack(">IIBBBBB", 40_000, 40_000, 8, 0, 0, 0, 0), b"IDAT"
    chunks = [struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c)) for c in (header, data)]
    (tmp_path / "huge.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))
    with pytest.raises(DataError, match="huge.png: over Pillow's size limit .*fewer pixels"):
        read_image(tmp_path / "huge.png")


def test_a_folder_is_no_picture(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read as an image"):
        read_image(tmp_path)


@pytest.mark.parametrize("size", [(40, 60), (60, 40)])
def test_exif_turns_a_picture_only_if_its_annotated_size_says_so(split: ActionSplit, size: tuple[int, int]) -> None:
    exif, sample = Image.Exif(), replace(split.samples[0], size=size)
    exif[0x0112] = 6                                                     # to be shown turned clockwise
    picture = Image.new("RGB", (40, 60))
    picture.paste((255, 255, 255), (0, 0, 40, 30))                       # its upper half is white
    picture.save(sample.image, exif=exif)
    image = read_sample(sample)
    assert image.shape == (3, size[1], size[0]) and torch.equal(image, read_image(sample.image, size))
    white = image[0, :, 32:] if size == (60, 40) else image[0, :28]
    dark = image[0, :, :28] if size == (60, 40) else image[0, 32:]
    assert white.min() > 200 and dark.max() < 50
    assert read_image(sample.image).shape == (3, 60, 40)                 # nothing annotated: as it is stored


def test_100_real_photographs(real_data: Path) -> None:
    root = real_data / "stanford40"
    test = read_stanford40(root, "test")
    few = subset(test, range(0, len(test), len(test) // 99)[:100], "few")
    proposals = read_proposals(next(root.glob("proposals*.json.gz")), [s.image_id for s in few.samples])
    data = ActionDataset(few, rank_split(few, proposals, 10, 0.05), 10, 224)
    for raw in DataLoader(data.raw, batch_size=50):
        batch = data.prepare(raw)
        assert batch["image"].shape == (50, 3, 224, 224) and torch.isfinite(batch["image"]).all()
        boxes = torch.cat([batch["person"], batch["regions"][batch["mask"]]])
        assert (boxes[:, 2:] > boxes[:, :2]).all() and boxes.min() >= 0 and boxes.max() <= 224
        assert batch["mask"].any(1).float().mean() > 0.95 and (batch["target"].sum(1) == 1).all()
