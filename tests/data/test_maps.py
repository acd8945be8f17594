import json
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from actret_core.data.dataset import ActionDataset
from actret_core.data.maps import MapDataset, MapInfo, picture
from actret_core.data.sample import ActionSplit
from actret_core.data.split import subset
from actret_core.data.readers.stanford40 import read_stanford40
from actret_core.data.store import Store, sidecar, write_store
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
    info = MapInfo(split.dataset, images, 120, "image", "resnet50", "0" * 64, SHAPE, "32-true")
    maps = 10 * np.arange(len(split))[:, None] + np.arange(2)            # [N, 2]
    write_store(path, info, lambda _: [np.broadcast_to(maps[..., None, None, None], (*maps.shape, *SHAPE))], False)
    return path


def test_items_are_those_of_the_images_but_for_the_map(
    split: ActionSplit, context: dict[str, Tensor], path: Path
) -> None:
    images, maps = ActionDataset(split, context, 3, 120), MapDataset(split, context, 3, Store(path, MapInfo))
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
    data, seen = MapDataset(split, context, 3, Store(path, MapInfo), mirror=0.5), []
    plain = MapDataset(split, context, 3, Store(path, MapInfo))
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


def test_what_is_seen_of_a_sample(split: ActionSplit) -> None:
    sample = replace(split.samples[0], id="one", person=(9.5, 4.2, 30.0, 35.1))
    assert picture(sample, "image") == (sample.image_id, (0, 0, 60, 40))
    assert picture(sample, "person") == ("one", (9, 4, 30, 36))


def test_in_the_view_of_the_person_regions_lie_within_it(split: ActionSplit, path: Path) -> None:
    """The person spans 10 to 30 and 5 to 35 of 60 x 40 pixels; a region beside it is not real."""
    info = json.loads(sidecar(path).read_text()) | {"view": "person", "names": split.ids}
    sidecar(path).write_text(json.dumps(info))
    boxes = torch.tensor([[20.0, 5, 60, 20], [40, 0, 60, 40]])
    data = MapDataset(split, dict.fromkeys(split.ids, boxes), 2, Store(path, MapInfo))
    assert data[3]["image"].max() == 30 and data[3]["person"].tolist() == [0, 0, 120, 120]
    assert data[3]["regions"].tolist() == [[60, 0, 120, 60], [0] * 4] and data[3]["mask"].tolist() == [True, False]


def test_a_part_of_a_split_reads_its_own_rows(split: ActionSplit, context: dict[str, Tensor], path: Path) -> None:
    """What is held out for early stopping uses the same file."""
    data = MapDataset(subset(split, np.array([5, 2]), "held_out"), context, 1, Store(path, MapInfo))
    assert [data[i]["image"].max().item() for i in range(2)] == [50, 20]


def test_persons_of_one_photograph_share_its_map(split: ActionSplit, context: dict[str, Tensor], path: Path) -> None:
    other = replace(split.samples[3], id="second", person=(0, 0, 6, 4))
    both = replace(split, samples=(split.samples[3], other))
    data = MapDataset(both, context | {"second": torch.empty(0, 4)}, 1, Store(path, MapInfo))
    assert data[0]["image"].max() == data[1]["image"].max() == 30
    assert data[1]["person"].tolist() == [0, 0, 12, 12]


def test_loading_processes_open_the_file_themselves(
    split: ActionSplit, context: dict[str, Tensor], path: Path
) -> None:
    data = MapDataset(split, context, 2, Store(path, MapInfo))
    assert len(pickle.dumps(data.store)) < 1000
    batch = next(iter(DataLoader(pickle.loads(pickle.dumps(data)), batch_size=8)))
    assert batch["image"].shape == (8, *SHAPE) and batch["image"][:, 0, 0, 0].tolist() == [10.0 * i for i in range(8)]


def test_a_split_that_was_not_stored(tiny: Path, split: ActionSplit, path: Path) -> None:
    test = read_stanford40(tiny, "test")
    context = {name: torch.empty(0, 4) for name in [*test.ids, *split.ids]}
    with pytest.raises(DataError, match="lacks the maps of drinking_004.jpg and 3 more"):
        MapDataset(test, context, 1, Store(path, MapInfo))
    with pytest.raises(DataError, match="maps of stanford40, asked for those of other"):
        MapDataset(replace(split, dataset="other"), context, 1, Store(path, MapInfo))


def test_the_arguments_are_checked_as_for_images(split: ActionSplit, context: dict[str, Tensor], path: Path) -> None:
    with pytest.raises(ConfigError, match="k=0: expected at least one"):
        MapDataset(split, context, 0, Store(path, MapInfo))
    with pytest.raises(DataError, match="no contextual regions for 8 samples"):
        MapDataset(split, {}, 1, Store(path, MapInfo))
