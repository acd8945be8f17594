"""A data set in memory: its two splits, their regions, and what is computed of their photographs once."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from actret_core.data.augment import Augment
from actret_core.data.dataset import ActionDataset
from actret_core.data.maps import MapDataset
from actret_core.data.photos import store_photos
from actret_core.data.playground import playground_root, write_playground
from actret_core.data.readers.registry import dataset_info
from actret_core.data.sample import ActionSplit
from actret_core.data.store import Store
from actret_core.data.transforms import store_side
from actret_core.distributed import first_alone, rank
from actret_core.errors import DataError, ProposalError
from actret_core.models.backbone import FrontBackbone
from actret_core.models.config import ModelConfig
from actret_core.models.weights import load_backbone
from actret_core.regions.proposals import read_proposals
from actret_core.regions.ranking import rank_split
from actret_core.training.config import TrainConfig
from actret_core.training.maps import write_maps

NO_PROPOSALS = "none"  # instead of a file: no contextual regions


@dataclass(frozen=True)
class ActionData:
    """A data set in memory: its two splits, and for every sample id its contextual regions [m, 4], xyxy in pixels.

    `photos` are the photographs of both, decoded once (`cache_photos`); None: each epoch decodes them. `maps` are the
    cached maps of each split by its name, for a model with `on_maps` (`cache_maps`). `no_proposals`: every context is
    empty because the user said so, which the record of a run tells.
    """

    train: ActionSplit
    evaluation: ActionSplit
    context: Mapping[str, Tensor]
    photos: Store | None = None
    maps: Mapping[str, Store] = field(default_factory=dict)
    no_proposals: bool = False

    def dataset(
        self, split: ActionSplit, config: Any, augment: TrainConfig | None = None
    ) -> ActionDataset | MapDataset:
        """`split` as tensors for a model of `config`; with a training's config as `augment`, augmented as it says."""
        return self._dataset(split, config, augment.augment if augment else Augment())

    def mirrored(self, split: ActionSplit, config: Any) -> ActionDataset | MapDataset:
        """`split` as tensors for a model of `config`, with every image mirrored."""
        return self._dataset(split, config, Augment(mirror=1.0))

    def _dataset(self, split: ActionSplit, config: Any, augment: Augment) -> ActionDataset | MapDataset:
        k = getattr(config, "k", 1)
        if config.on_maps:
            return MapDataset(split, self.context, k, self.maps[split.name], augment.mirror)
        return ActionDataset(split, self.context, k, config.image_size, self.photos, augment)


def find_root(
    dataset: str, root: str | Path | None = None, seed: int = 0, progress: bool = True, images: int = 1500
) -> Path:
    """The data set's folder: `root` if given; the playground of `seed` is drawn on first use into `user_cache`.

    Raises DataError where a real data set has no folder.
    """
    if root:
        return Path(root)
    if dataset != "playground":
        raise DataError(f"{dataset}: name its folder, or fetch it by `actret download {dataset}`")
    with first_alone():
        return write_playground(playground_root(user_cache(), seed, images), seed, images, progress)


def user_cache() -> Path:
    """The folder for what is made on first use: `$ACTRET_CACHE`, or `~/.cache/actret`."""
    return Path(os.environ.get("ACTRET_CACHE") or Path.home() / ".cache" / "actret")


def load_data(
    dataset: str, root: str | Path | None, config: Any, proposals: str | Path | None = None
) -> ActionData:
    """Read both splits of a data set under `find_root(dataset, root)` and rank its proposals (Eq. 2).

    `proposals` is a COCO results file; None: the one beside the data; "none": no regions, only the person and the whole
    image. A method whose config has no `k` uses no regions, and no file is read. Raises the errors of the readers.
    """
    info, root = dataset_info(dataset), find_root(dataset, root)
    splits = [info.read(root, name) for name in (info.train, info.evaluation)]
    uses_regions, without = hasattr(config, "k"), str(proposals) == NO_PROPOSALS
    if without or not uses_regions:
        context = {name: torch.empty(0, 4) for split in splits for name in split.ids}
        return ActionData(*splits, context, no_proposals=without and uses_regions)
    path = Path(proposals or _beside(root))
    found = read_proposals(path, [s.image_id for split in splits for s in split.samples])
    try:
        ranked = [rank_split(split, found, config.k, config.min_score, config.max_iou) for split in splits]
    except ProposalError as error:
        raise ProposalError(f"{path}: {error}") from None
    return ActionData(*splits, ranked[0] | ranked[1])


def _beside(root: Path) -> Path:
    files = sorted(p for p in root.glob("proposals*") if p.name.endswith((".json", ".json.gz")))
    if len(files) != 1:
        raise ProposalError(
            f"{root}: {len(files)} files proposals*.json*; name one, make it by `actret detect`, or do without: "
            "--proposals none"
        )
    return files[0]


def cache_photos(data: ActionData, config: Any, workers: int = 0, progress: bool = True) -> ActionData:
    """Decode every photograph for models of `config`, once, into a file in `user_cache`; see `store_photos`.

    Returns `data` unchanged for a model with `on_maps`, which uses cached maps instead.
    """
    done = data.photos and data.photos.info.image_size == store_side(config.image_size)
    if done or config.on_maps:
        return data
    samples, folder = [*data.train.samples, *data.evaluation.samples], user_cache() / "photos"
    with first_alone():
        photos = store_photos(data.train.dataset, samples, config.image_size, folder, workers, progress and not rank())
    return replace(data, photos=photos)


def cache_maps(
    data: ActionData, config: ModelConfig, weights: str | Path, folder: Path, view: str = "image", progress: bool = True
) -> ActionData:
    """The maps of every photograph and of its mirror by the frozen front of the backbone; see `write_maps`.

    They are computed once for all methods; files that are in `folder` already are opened. With `view` "person", the
    anchored person is cut out first.
    """
    front, size = FrontBackbone(config.backbone), config.image_size
    load_backbone(front, weights)
    stores = {}
    for split in (data.train, data.evaluation):
        path = folder / f"{split.dataset}-{split.name}-{view}-{size}.maps.npy"
        with first_alone():
            stores[split.name] = write_maps(split, front, path, size, view, progress=progress and not rank())
    return replace(data, maps=stores)
