"""From a data set in memory to a trained model: the steps that notebooks and command line share."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import lightning as L
import numpy as np
import torch
from torch import nn

from actret_core.config import require
from actret_core.data.playground.pretext import read_pretext
from actret_core.data.split import hold_out
from actret_core.data.tokens import FrozenTokens, TokenDataset, hold_out_tokens
from actret_core.distributed import world
from actret_core.experiments.action_data import ActionData, cache_photos
from actret_core.experiments.identity import data_identity
from actret_core.experiments.presets import DEMO, Preset
from actret_core.files import atomic_path, lock
from actret_core.models.baselines.rrt import Rrt
from actret_core.models.fusion import FusionHead
from actret_core.models.methods import build_model
from actret_core.models.region_net import RegionNet
from actret_core.models.weights import backbone_of, load_backbone
from actret_core.retrieval import Embeddings
from actret_core.training.config import TrainConfig
from actret_core.training.embed import embed, to_embeddings
from actret_core.training.fit import FitResult, fit
from actret_core.training.pairs import train_pairs
from actret_core.training.tokens import extract_tokens


def configure(preset: Preset, data: ActionData, weights: str | Path | None, seed: int) -> Preset:
    """Fit a preset to a data set (number of actions, several actions a person), to backbone weights, and to a seed."""
    model = replace(preset.model, classes=len(data.train.actions))
    if weights:
        model = replace(model, backbone=backbone_of(weights))
    multi_label = bool((data.train.targets.sum(1) != 1).any())
    return replace(preset, model=model, train=replace(preset.train, multi_label=multi_label, seed=seed))


def train_method(
    data: ActionData, preset: Preset, weights: str | Path | None, out: Path, progress: bool = True,
    deadline: float = float("inf"),
) -> tuple[nn.Module, FitResult]:
    """Train the preset's method from pretrained weights (None: from scratch); resumes a run begun in `out`.

    Decode the photographs before (`cache_photos`), or each epoch decodes them again. If the preset has a second stage,
    on pairs, the result is of both together. Raises OutOfTime as `fit` does, by `deadline`.
    """
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


def cached_tokens(data: ActionData, preset: Preset, weights: str | Path, folder: Path) -> FrozenTokens:
    """The tokens of the training set, of the evaluation set and of its mirror images, in this order; computed once.

    The file in `folder` is named by what they depend on: the number of regions, their pooling and the numbers of a
    token, all from the preset, and the first digits of the SHA-256 of the backbone's weights. A JSON file beside it
    knows the data; for other data or regions the tokens are computed again.
    """
    c, made_by = preset.model, data.maps[data.train.name].info.weights[:8]
    path = folder / f"{data.train.dataset}-k{c.k}-{c.pooling}-{preset.token_dim}-{made_by}.npz"
    with lock(f"{path}.lock"):
        _keep_only_of(data, path)
        if not path.exists():
            model = RegionNet(c)
            load_backbone(model.backbone, weights)
            mirror = data.mirrored(data.evaluation, c)
            parts = {split.name: data.dataset(split, c) for split in (data.train, data.evaluation)} | {"mirror": mirror}
            found = extract_tokens(model, parts, preset.token_dim, workers=0)
            mirrored = np.arange(len(found.ids)) >= len(found.ids) - len(mirror)
            replace(found, ids=np.where(mirrored, np.char.add(found.ids, " mirrored"), found.ids)).save(path)
    return FrozenTokens.load(path)


def _keep_only_of(data: ActionData, path: Path) -> None:
    """Delete a file of tokens of other data, and write beside it what the tokens are, or will be, of.

    Where an older version wrote nothing beside it, the ids tell. Tokens are deleted before, and computed after, the
    text is written, so that a process that is killed in between leaves no tokens beside the text of others.
    """
    beside, about = path.with_suffix(".json"), json.dumps(data_identity(data), indent=2)
    if beside.exists():
        same = beside.read_text() == about
    else:
        ids = [*data.train.ids, *data.evaluation.ids, *(f"{name} mirrored" for name in data.evaluation.ids)]
        same = path.exists() and FrozenTokens.load(path).ids.tolist() == ids
    if not same:
        path.unlink(missing_ok=True)
    with atomic_path(beside) as temporary:
        temporary.write_text(about)


def train_on_tokens(
    frozen: FrozenTokens, preset: Preset, out: Path, progress: bool = True
) -> tuple[FusionHead, Embeddings, FitResult]:
    """Train the fusion transformer alone on region tokens, and embed the images outside their training set.

    Resumes a run begun in `out`. The numbers of actions and of regions are those of `frozen`. Raises ConfigError in a
    run of several processes, which such a short training does not need.
    """
    require(world() == 1, "nproc_per_node", world(), "1 for runs on tokens, which take seconds")
    config, train = replace(preset.model, classes=len(frozen.actions), k=frozen.values.shape[1] - 2), preset.train
    L.seed_everything(train.seed, verbose=False)
    head = FusionHead(config, frozen.values.shape[2])
    learned = hold_out_tokens(frozen, train.held_out, train.seed) if train.held_out else frozen
    held = TokenDataset(learned, ~learned.train, config.features) if train.held_out else None
    result = fit(head, TokenDataset(learned, learned.train, config.features), held, train, out, progress)
    rest = TokenDataset(frozen, ~frozen.train, config.features)
    features = embed(head, rest, batch_size=256, progress=progress).features
    return head, Embeddings(features, rest.labels, rest.ids), result


def pretrain_small(
    root: Path, seed: int, train: TrainConfig, out: Path, progress: bool = True, without: Sequence[str] = ()
) -> RegionNet:
    """Pretrain the small backbone, as ImageNet does for ResNet-50: it learns what a whole playground picture shows.

    The pictures at `root` were drawn with `seed`, another one than that of the pictures to retrieve later. Pictures in
    which anybody performs an action of `without` are left out, so that the backbone never sees that action.
    """
    split = read_pretext(root, seed, without)
    config = replace(DEMO.model, classes=len(split.actions), features="g", fusion=False, token_norm=False)
    nothing = {name: torch.empty(0, 4) for name in split.ids}
    data = cache_photos(ActionData(split, split, nothing), config, train.workers, progress)
    L.seed_everything(train.seed, verbose=False)
    model = RegionNet(config)
    fit(model, data.dataset(split, config, train), None, train, out, progress)
    return model
