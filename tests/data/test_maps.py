import json
import pickle
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader
from torchvision.transforms import v2
from torchvision.tv_tensors import BoundingBoxes

from actret_core.data.dataset import ActionDataset
from actret_core.data.maps import MapDataset, MapInfo, MapStore, picture, sidecar
from actret_core.data.sample import ActionSplit
from actret_core.data.split import subset
from actret_core.data.stanford40 import read_stanford40
from actret_core.data.transforms import eval_transform, mirror_boxes, squash_boxes
from actret_core.errors import ConfigError, DataError

SHAPE = (3, 2, 2)


@pytest.fixture
def split(tiny: Path) -> ActionSplit:
    return read_stanford40(tiny, "train")


@pytest.fixture
def context(split: ActionSplit) -> dict[str, Tensor]:
    """Two regions of every image but the second, which has none."""
    boxes = torch.tensor([[0.0, 0, 30, 20], [30, 20, 60, 40]])
    return {name: boxes[:0] if i == 1 else boxes for i, name in enumerate(split.ids)}


@pytest.fixture
def path(split: ActionSplit, tmp_path: Path) -> Path:
    """A store whose maps say where they come from: 10 x row, and 1 more in the mirror."""
    path, images = tmp_path / "train.maps", tuple(s.image_id for s in split.samples)
    info = MapInfo(split.dataset, "image", images, 120, "resnet50_tail", "0" * 64, SHAPE, "32-true")
    maps = 10 * np.arange(len(split))[:, None] + np.arange(2)            # [N, 2]
    path.write_bytes(np.broadcast_to(maps[..., None, None, None], (*maps.shape, *SHAPE)).astype(np.float16).tobytes())
    sidecar(path).write_text(json.dumps(asdict(info)))
    return path


def test_items_are_those_of_the_images_but_for_the_map(
    split: ActionSplit, context: dict[str, Tensor], path: Path
) -> None:
    images, maps = ActionDataset(split, context, 3, eval_transform(120)), MapDataset(split, context, 3, MapStore(path))
    assert len(maps) == len(images) == 8
    for i in range(8):
        expected, found = images[i], maps[i]
        assert found.keys() == expected.keys()
        for name in ("person", "regions", "mask", "target", "index"):
            torch.testing.assert_close(found[name], expected[name])
        assert torch.equal(found["image"], torch.full(SHAPE, 10.0 * i)) and found["image"].dtype == torch.float32


def test_a_mirror_is_the_map_and_the_boxes_of_the_mirror(
    split: ActionSplit, context: dict[str, Tensor], path: Path
) -> None:
    """The person at 20 to 60 of 120 pixels stands at 60 to 100 in the mirror; padding stays zero."""
    torch.manual_seed(0)
    data, seen = MapDataset(split, context, 3, MapStore(path), augment=True), []
    plain = MapDataset(split, context, 3, MapStore(path))
    for i in [0, 1, 2] * 20:
        item, straight = data[i], plain[i]
        mirrored = item["image"][0, 0, 0].item() - 10 * i
        seen.append(mirrored)
        assert (item["image"] == 10 * i + mirrored).all() and mirrored in (0, 1)
        assert item["person"].tolist() == ([60, 15, 100, 105] if mirrored else [20, 15, 60, 105])
        regions = [[60, 0, 120, 60], [0, 60, 60, 120]] if mirrored else [[0, 0, 60, 60], [60, 60, 120, 120]]
        assert item["regions"].tolist() == ([[0] * 4] * 3 if i == 1 else [*regions, [0] * 4])
        for name in ("mask", "target", "index"):
            assert torch.equal(item[name], straight[name])
    assert 15 < sum(seen) < 45


def test_boxes_are_squashed_and_mirrored_like_torchvision_s() -> None:
    boxes = torch.tensor([[10.0, 5, 30, 35], [0, 0, 60, 40], [-3, 2, 50.5, 44]])
    wrapped = BoundingBoxes(boxes, format="XYXY", canvas_size=(40, 60))
    squashed = v2.Compose([v2.Resize((90, 90)), v2.ClampBoundingBoxes()])(wrapped)
    torch.testing.assert_close(squash_boxes(boxes, (0, 0, 60, 40), 90), squashed.as_subclass(Tensor))
    mirrored = v2.RandomHorizontalFlip(p=1)(wrapped).as_subclass(Tensor)
    torch.testing.assert_close(mirror_boxes(boxes, 60), mirrored)
    torch.testing.assert_close(mirror_boxes(mirrored, 60), boxes)


def test_boxes_in_a_window_are_cropped_and_squashed_like_torchvision_s() -> None:
    boxes = torch.tensor([[10.0, 5, 30, 35], [0, 0, 60, 40], [12, 2, 14, 44], [40, 0, 50, 9]])
    wrapped = BoundingBoxes(boxes, format="XYXY", canvas_size=(40, 60))
    cropped = v2.functional.crop(wrapped, top=5, left=10, height=30, width=20)
    expected = v2.Resize((90, 90))(cropped).as_subclass(Tensor)
    found = squash_boxes(boxes, (10, 5, 30, 35), 90)
    torch.testing.assert_close(found[:3], expected[:3])
    assert found.tolist() == [[0, 0, 90, 90], [0, 0, 90, 90], [9, 0, 18, 90], [90, 0, 90, 12]]


def test_what_is_seen_of_a_sample(split: ActionSplit) -> None:
    sample = replace(split.samples[0], id="one", person=(9.5, 4.2, 30.0, 35.1))
    assert picture(sample, "image") == (sample.image_id, (0, 0, 60, 40))
    assert picture(sample, "person") == ("one", (9, 4, 30, 36))


def test_in_the_view_of_the_person_regions_lie_within_it(split: ActionSplit, path: Path) -> None:
    """The person spans 10 to 30 and 5 to 35 of 60 x 40 pixels; a region beside it is not real."""
    info = json.loads(sidecar(path).read_text()) | {"view": "person", "names": split.ids}
    sidecar(path).write_text(json.dumps(info))
    boxes = torch.tensor([[20.0, 5, 60, 20], [40, 0, 60, 40]])
    data = MapDataset(split, dict.fromkeys(split.ids, boxes), 2, MapStore(path))
    assert data[3]["image"].max() == 30 and data[3]["person"].tolist() == [0, 0, 120, 120]
    assert data[3]["regions"].tolist() == [[60, 0, 120, 60], [0] * 4] and data[3]["mask"].tolist() == [True, False]


def test_a_part_of_a_split_reads_its_own_rows(split: ActionSplit, context: dict[str, Tensor], path: Path) -> None:
    """What is held out for early stopping uses the same file."""
    data = MapDataset(subset(split, np.array([5, 2]), "held_out"), context, 1, MapStore(path))
    assert [data[i]["image"].max().item() for i in range(2)] == [50, 20]


def test_persons_of_one_photograph_share_its_map(split: ActionSplit, context: dict[str, Tensor], path: Path) -> None:
    twin = replace(split.samples[3], id="second", person=(0, 0, 6, 4))
    both = replace(split, samples=(split.samples[3], twin))
    data = MapDataset(both, context | {"second": torch.empty(0, 4)}, 1, MapStore(path))
    assert data[0]["image"].max() == data[1]["image"].max() == 30
    assert data[1]["person"].tolist() == [0, 0, 12, 12]


def test_loading_processes_open_the_file_themselves(
    split: ActionSplit, context: dict[str, Tensor], path: Path
) -> None:
    data = MapDataset(split, context, 2, MapStore(path))
    assert len(pickle.dumps(data.store)) < 1000
    batch = next(iter(DataLoader(pickle.loads(pickle.dumps(data)), batch_size=8)))
    assert batch["image"].shape == (8, *SHAPE) and batch["image"][:, 0, 0, 0].tolist() == [10.0 * i for i in range(8)]


@pytest.mark.parametrize("change", [-1, -24, 1])
def test_a_store_of_another_length_is_refused(path: Path, change: int) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:change] if change < 0 else content + b"0")
    with pytest.raises(DataError, match=f"train.maps: {384 + change} bytes, expected 384; delete it"):
        MapStore(path)


def test_a_store_without_maps_or_description(path: Path) -> None:
    path.unlink()
    with pytest.raises(DataError, match="train.maps: 0 bytes, expected 384"):
        MapStore(path)
    sidecar(path).unlink()
    with pytest.raises(DataError, match="train.maps.json: not a readable description of maps"):
        MapStore(path)


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"dataset": "stanford40"}', '{"image": 3}'])
def test_a_damaged_description_is_named(path: Path, text: str) -> None:
    sidecar(path).write_text(text)
    with pytest.raises(DataError, match="train.maps.json: not a readable description of maps"):
        MapStore(path)


def test_a_split_that_was_not_stored(tiny: Path, split: ActionSplit, path: Path) -> None:
    test = read_stanford40(tiny, "test")
    context = {name: torch.empty(0, 4) for name in [*test.ids, *split.ids]}
    with pytest.raises(DataError, match="no map of drinking_004.jpg and 3 more, asked for stanford40/test; write"):
        MapDataset(test, context, 1, MapStore(path))
    with pytest.raises(DataError, match="maps of stanford40, asked for other/train"):
        MapDataset(replace(split, dataset="other"), context, 1, MapStore(path))


def test_the_arguments_are_checked_as_for_images(split: ActionSplit, context: dict[str, Tensor], path: Path) -> None:
    with pytest.raises(ConfigError, match="k=0: expected at least one"):
        MapDataset(split, context, 0, MapStore(path))
    with pytest.raises(DataError, match="no contextual regions for 8 samples"):
        MapDataset(split, {}, 1, MapStore(path))
