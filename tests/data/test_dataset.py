from pathlib import Path

import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

from actret_core.data.dataset import ActionDataset, pad_regions, read_image
from actret_core.data.sample import ActionSplit
from actret_core.data.split import subset
from actret_core.data.stanford40 import read_stanford40
from actret_core.data.transforms import eval_transform, train_transform
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
    item = ActionDataset(split, context, 3, eval_transform(120))[2]
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
    item = ActionDataset(split, context, 2, eval_transform(60))[0]
    assert item["mask"].all() and item["regions"][:, 2].tolist() == [60, 6]


@pytest.mark.parametrize("transform", [eval_transform(32), train_transform(32)])
def test_an_image_without_proposals_is_all_masked(split: ActionSplit, transform) -> None:
    batch = next(iter(DataLoader(ActionDataset(split, context_of(split), 10, transform), batch_size=4)))
    assert batch["regions"].shape == (4, 10, 4) and not batch["mask"].any() and not batch["regions"].any()


def test_a_region_that_a_crop_cut_away_is_masked() -> None:
    regions, mask = pad_regions(torch.tensor([[5.0, 5, 5, 9], [1, 1, 4, 4], [0, 3, 9, 3]]), 2)
    assert mask.tolist() == [True, False] and regions.tolist() == [[1, 1, 4, 4], [0, 0, 0, 0]]


def test_the_cache_changes_nothing(split: ActionSplit) -> None:
    context, small = context_of(split), eval_transform(16)
    plain, cached = (ActionDataset(split, context, 1, small, cache=cache) for cache in (False, True))
    split.samples[3].image.unlink()
    for i in range(3):
        torch.testing.assert_close(plain[i], cached[i])
    assert cached[3]["target"].tolist() == [0, 1]  # from memory: the file is gone


def test_k_of_zero(split: ActionSplit) -> None:
    with pytest.raises(ConfigError, match="k=0: expected at least one"):
        ActionDataset(split, context_of(split), 0, eval_transform(16))


def test_a_sample_that_was_not_ranked_is_named(split: ActionSplit) -> None:
    context = context_of(split)
    del context["phoning_004"]
    with pytest.raises(DataError, match="for 1 samples, first phoning_004"):
        ActionDataset(split, context, 1, eval_transform(16))


def test_an_image_of_another_size_than_annotated_is_named(split: ActionSplit) -> None:
    Image.new("RGB", (61, 40)).save(split.samples[0].image)
    with pytest.raises(DataError, match=r"drinking_004.jpg: 61 x 40 pixels, annotated as \(60, 40\)"):
        ActionDataset(split, context_of(split), 1, eval_transform(16))[0]


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


def test_200_real_photographs(real_data: Path) -> None:
    root = real_data / "stanford40"
    test = read_stanford40(root, "test")
    few = subset(test, range(0, len(test), len(test) // 199)[:200], "few")
    proposals = read_proposals(next(root.glob("proposals*.json.gz")), [s.image_id for s in few.samples])
    data = ActionDataset(few, rank_split(few, proposals, 10, 0.05), 10, eval_transform(224))
    for batch in DataLoader(data, batch_size=50):
        assert batch["image"].shape == (50, 3, 224, 224) and torch.isfinite(batch["image"]).all()
        boxes = torch.cat([batch["person"], batch["regions"][batch["mask"]]])
        assert (boxes[:, 2:] > boxes[:, :2]).all() and boxes.min() >= 0 and boxes.max() <= 224
        assert batch["mask"].any(1).float().mean() > 0.95 and (batch["target"].sum(1) == 1).all()
