"""The visual side of a study: region tokens of a frozen backbone, and the features made of them."""

import json
import tempfile
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from actret_core.config import require
from actret_core.data.playground.write import RECORD
from actret_core.data.tokens import FrozenTokens, TokenDataset
from actret_core.experiments.action_data import find_root, load_data
from actret_core.experiments.presets import DEMO, Preset
from actret_core.experiments.train import configure, train_on_tokens
from actret_core.models.fusion import masked_mean
from actret_core.models.region_net import RegionNet
from actret_core.models.weights import load_backbone
from actret_core.text.phrase import Phrase
from actret_core.training.embed import embed
from actret_core.training.tokens import extract_tokens


@dataclass(frozen=True, eq=False)
class Visuals:
    """Visual features of the anchored persons of a data set.

    `features` [N, D] and `labels` int [N], indices into `actions`; `train` bool [N]: the images to learn from, `test`
    bool [N]: the images to search; `phrases`: each of the `actions` as a phrase.
    """

    features: np.ndarray
    labels: np.ndarray
    train: np.ndarray
    test: np.ndarray
    actions: tuple[str, ...]
    phrases: tuple[Phrase, ...]


def playground_tokens(root: Path | None, weights: Path, progress: bool = True) -> FrozenTokens:
    """The region tokens of the playground by a small backbone, like those of Stanford-40 that come with the book.

    Raises ConfigError for a playground of another seed than 0: what its bystanders do is known for seed 0 only.
    """
    root = find_root("playground", root, progress=progress)
    drawn = json.loads((root / RECORD).read_text())["seed"] if (root / RECORD).exists() else 0
    require(drawn == 0, "seed", drawn, f"0: {root} is another playground than the study's")
    preset = replace(DEMO, model=replace(DEMO.model, backbone="small"))
    data = load_data("playground", root, preset.model)
    model = RegionNet(configure(preset, data, weights, 0).model)
    load_backbone(model.backbone, weights)
    parts = {"train": data.dataset(data.train, model.config), "test": data.dataset(data.evaluation, model.config)}
    return extract_tokens(model, parts, model.backbone.dim, workers=0, progress=progress)


def pool_views(frozen: FrozenTokens, train: np.ndarray) -> np.ndarray:
    """The three views side by side: the person, the whole image, and the mean of the regions, float32 [N, 3 D].

    Nothing in them was trained on actions. They are scaled by the images in `train` bool [N]. Where an image has no
    region, the last part is zero.
    """
    data = TokenDataset(replace(frozen, train=train), np.ones(len(train), bool))
    regions = masked_mean(data.tokens[:, 2:], data.mask[:, 2:])
    return torch.cat([data.tokens[:, 0], data.tokens[:, 1], regions], dim=1).numpy()


def embed_without(
    frozen: FrozenTokens, held: str | None, preset: Preset, hidden: Collection[str] = ()
) -> np.ndarray:
    """Train the fusion transformer without the action `held` (None: with all) and the images `hidden`; embed all.

    Returns the embeddings F_T [N, D] of all N images, in the order of `frozen`.
    """
    actions = frozen.actions.tolist()
    mine = frozen.labels == actions.index(held) if held else np.zeros(len(frozen.ids), bool)
    train = frozen.train & ~mine & ~np.isin(frozen.ids, list(hidden))
    kept = (train | ~frozen.train) & ~mine
    seen = [action for action in actions if action != held]
    number = np.array([seen.index(a) if a in seen else 0 for a in actions], np.uint8)
    by_image = {name: getattr(frozen, name)[kept] for name in ("values", "regions", "boxes", "ids")}
    part = replace(frozen, train=train[kept], labels=number[frozen.labels[kept]], actions=np.array(seen), **by_image)
    with tempfile.TemporaryDirectory() as out:
        head, _, _ = train_on_tokens(part, preset, Path(out), progress=False)
    everything = TokenDataset(replace(frozen, train=train), np.ones(len(train), bool), preset.model.features)
    return embed(head, everything, 256, progress=False).features
