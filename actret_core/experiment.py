"""One run from a data folder to a trained model: the steps that notebooks and command line share."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import torch
from torch import Tensor, nn

from actret_core.data.augment import Augment
from actret_core.data.dataset import ActionDataset
from actret_core.data.maps import MapDataset
from actret_core.data.photos import store_photos
from actret_core.data.playground import playground_root, write_playground
from actret_core.data.playground.pretext import read_pretext
from actret_core.data.registry import dataset_info
from actret_core.data.sample import ActionSplit
from actret_core.data.split import hold_out
from actret_core.data.store import Store
from actret_core.data.tokens import FrozenTokens, TokenDataset, hold_out_tokens
from actret_core.data.transforms import store_side
from actret_core.errors import DataError, ProposalError
from actret_core.models.backbone import build_front
from actret_core.models.baselines.rrt import Rrt
from actret_core.models.fusion import FusionHead
from actret_core.models.methods import build_model
from actret_core.models.region_net import RegionNet
from actret_core.models.weights import backbone_of, load_backbone
from actret_core.parallel import first_alone, rank
from actret_core.presets import DEMO, Preset
from actret_core.regions.proposals import read_proposals
from actret_core.regions.ranking import rank_split
from actret_core.retrieval import Embeddings
from actret_core.training.config import TrainConfig
from actret_core.training.embed import embed
from actret_core.training.fit import FitResult, fit
from actret_core.training.maps import write_maps
from actret_core.training.pairs import train_pairs


@dataclass(frozen=True)
class ActionData:
    """A data set in memory: its two splits, and the contextual regions [m, 4] of every sample of both.

    `photos` are the photographs of both, decoded once (`cache_photos`); None: from disk, each time. `maps` are the
    cached maps of each split by its name, for a backbone "..._tail" (`cache_maps`).
    """

    train: ActionSplit
    evaluation: ActionSplit
    context: Mapping[str, Tensor]
    photos: Store | None = None
    maps: Mapping[str, Store] = field(default_factory=dict)

    def dataset(
        self, split: ActionSplit, config: Any, augment: TrainConfig | None = None
    ) -> ActionDataset | MapDataset:
        """`split` as tensors for a model of `config`; with a training's config, augmented as it says."""
        a = augment
        how = Augment(a.min_crop, a.pad_crop, a.jitter, a.erasing, mirror=0.5) if a else Augment()
        return self._dataset(split, config, how)

    def mirrored(self, split: ActionSplit, config: Any) -> ActionDataset | MapDataset:
        """`split` with left and right exchanged, and nothing else."""
        return self._dataset(split, config, Augment(mirror=1.0))

    def _dataset(self, split: ActionSplit, config: Any, how: Augment) -> ActionDataset | MapDataset:
        k = getattr(config, "k", 1)
        if config.backbone.endswith("_tail"):
            return MapDataset(split, self.context, k, self.maps[split.name], how.mirror)
        return ActionDataset(split, self.context, k, config.image_size, self.photos, how)


def find_root(
    dataset: str, root: str | Path | None = None, seed: int = 0, progress: bool = True, images: int = 1500
) -> Path:
    """The data set's folder: `root` if given; the playground of `seed` is drawn on first use into `user_cache`.

    Raises DataError where a real data set has no folder.
    """
    if root:
        return Path(root)
    if dataset != "playground":
        raise DataError(f"{dataset}: name its folder, or fetch it by `python -m actret_core download {dataset}`")
    with first_alone():
        return write_playground(playground_root(user_cache(), seed, images), seed, images, progress)


def user_cache() -> Path:
    """The folder for what is made on first use: `$ACTRET_CACHE`, or `~/.cache/actret`."""
    return Path(os.environ.get("ACTRET_CACHE") or Path.home() / ".cache" / "actret")


def load_data(
    dataset: str, root: str | Path | None, config: Any, proposals: str | Path | None = None
) -> ActionData:
    """Read both splits of a data set under `find_root(dataset, root)` and rank its proposals (Eq. 2).

    `proposals` is a COCO results file; without, the one beside the data is taken. None is read for a method whose
    config has no `k`: it sees no regions. Raises the errors of the readers.
    """
    info, root = dataset_info(dataset), find_root(dataset, root)
    splits = [info.read(root, name) for name in (info.train, info.evaluation)]
    if not hasattr(config, "k"):
        return ActionData(*splits, {name: torch.empty(0, 4) for split in splits for name in split.ids})
    found = read_proposals(Path(proposals or _beside(root)), [s.image_id for split in splits for s in split.samples])
    ranked = [rank_split(split, found, config.k, config.min_score, config.max_iou) for split in splits]
    return ActionData(*splits, ranked[0] | ranked[1])


def _beside(root: Path) -> Path:
    files = sorted(p for p in root.glob("proposals*") if p.name.endswith((".json", ".json.gz")))
    if len(files) != 1:
        raise ProposalError(
            f"{root}: {len(files)} files proposals*.json*; name one, or make it by `actret_core detect`"
        )
    return files[0]


def configure(preset: Preset, data: ActionData, weights: str | Path | None, seed: int) -> Preset:
    """Fit a preset to a data set (number of actions, several actions a person), to backbone weights, and to a seed."""
    model = replace(preset.model, classes=len(data.train.actions))
    if weights:
        model = replace(model, backbone=backbone_of(weights) + "_tail" * model.backbone.endswith("_tail"))
    multi_label = bool((data.train.targets.sum(1) != 1).any())
    return replace(preset, model=model, train=replace(preset.train, multi_label=multi_label, seed=seed))


def cache_photos(data: ActionData, config: Any, workers: int = 0, progress: bool = True) -> ActionData:
    """Decode every photograph for models of `config`, once, into a file in `user_cache`; see `store_photos`.

    Nothing is left to do for a backbone "..._tail", which sees cached maps.
    """
    done = data.photos and data.photos.info.image_size == store_side(config.image_size)
    if done or config.backbone.endswith("_tail"):
        return data
    samples, folder = [*data.train.samples, *data.evaluation.samples], user_cache() / "photos"
    with first_alone():
        photos = store_photos(data.train.dataset, samples, config.image_size, folder, workers, progress and not rank())
    return replace(data, photos=photos)


def cache_maps(
    data: ActionData, preset: Preset, weights: str | Path, folder: Path, view: str = "image", progress: bool = True
) -> ActionData:
    """Compute what the frozen front makes of every photograph and its mirror, once for all methods; see `write_maps`.

    `view` "person" cuts the anchored person out first. Opens files that are in `folder` already.
    """
    front, size = build_front(preset.model.backbone), preset.model.image_size
    load_backbone(front, weights)
    stores = {}
    for split in (data.train, data.evaluation):
        path = folder / f"{split.dataset}-{split.name}-{view}-{size}.maps"
        with first_alone():
            stores[split.name] = write_maps(split, front, path, size, view, progress=progress and not rank())
    return replace(data, maps=stores)


def train_method(
    data: ActionData, preset: Preset, weights: str | Path | None, out: Path, progress: bool = True,
    deadline: float = float("inf"),
) -> tuple[nn.Module, FitResult]:
    """Train the preset's method from ImageNet weights (None: from scratch); resumes a run begun in `out`.

    Photographs are decoded on first use (`cache_photos`). Where the preset has a second stage, of pairs, the result
    counts the epochs, seconds and losses of both. Raises OutOfTime as `fit` does, by `deadline`.
    """
    data = cache_photos(data, preset.model, preset.train.workers, progress)
    L.seed_everything(preset.train.seed, verbose=False)
    model = build_model(preset.model)
    if weights:
        load_backbone(model.backbone, weights)
    train, held = data.train, None
    if preset.train.held_out:
        train, held = hold_out(train, preset.train.held_out, preset.train.seed)
    train = data.dataset(train, preset.model, augment=preset.train)
    held = held and data.dataset(held, preset.model)
    result = fit(model, train, held, preset.train, out, progress, deadline)
    if preset.pairs:
        second = _train_second_stage(data, preset, model, out, progress, deadline)
        result = FitResult(*(a + b for a, b in zip(result, second, strict=True)))
    return model, result


def _train_second_stage(
    data: ActionData, preset: Preset, model: Rrt, out: Path, progress: bool, deadline: float
) -> FitResult:
    c, plain = preset.train, data.dataset(data.train, preset.model)
    found = to_embeddings(data.train, embed(model, plain, 64, c.workers, c.precision, progress).features)
    return train_pairs(model, plain, found, replace(preset.pairs, seed=c.seed), out / "pairs", progress, deadline)


train_region_net = train_method  # its name in the chapters on the region-aware model


def train_on_tokens(
    frozen: FrozenTokens, preset: Preset, out: Path, progress: bool = True
) -> tuple[FusionHead, Embeddings]:
    """Train the fusion transformer alone on region tokens, and embed the images outside their training set.

    Resumes a run begun in `out`. The numbers of actions and of regions are those of `frozen`.
    """
    config, train = replace(preset.model, classes=len(frozen.actions), k=frozen.values.shape[1] - 2), preset.train
    L.seed_everything(train.seed, verbose=False)
    head = FusionHead(config, frozen.values.shape[2])
    learned = hold_out_tokens(frozen, train.held_out, train.seed) if train.held_out else frozen
    held = TokenDataset(learned, ~learned.train, config.features) if train.held_out else None
    fit(head, TokenDataset(learned, learned.train, config.features), held, train, out, progress)
    rest = TokenDataset(frozen, ~frozen.train, config.features)
    return head, Embeddings(embed(head, rest, batch_size=256, progress=progress).features, rest.labels, rest.ids)


def pretrain_small(
    root: Path, seed: int, train: TrainConfig, out: Path, progress: bool = True, without: Sequence[str] = ()
) -> RegionNet:
    """Train the small backbone to tell what a whole picture of the playground shows, as ResNet-50 learns from ImageNet.

    The pictures at `root` are drawn with `seed`, another one than those that are retrieved later. Pictures in which
    anybody performs an action of `without` are left out: the backbone then has never seen it, nor heard of it.
    """
    split = read_pretext(root, seed, without)
    config = replace(DEMO.model, classes=len(split.actions), features="g", fusion=False, token_norm=False)
    nothing = {name: torch.empty(0, 4) for name in split.ids}
    data = cache_photos(ActionData(split, split, nothing), config, train.workers, progress)
    L.seed_everything(train.seed, verbose=False)
    model = RegionNet(config)
    fit(model, data.dataset(split, config, train), None, train, out, progress)
    return model


def to_embeddings(split: ActionSplit, features: np.ndarray) -> Embeddings:
    """Features [N, D] of a split with its labels and ids; persons of one photograph form a group (VOC)."""
    targets = split.targets
    single = (targets.sum(1) == 1).all()
    images = np.array([s.image_id for s in split.samples])
    groups = images if len(set(images)) < len(images) else None
    return Embeddings(features, targets.argmax(1) if single else targets, np.array(split.ids), groups)
