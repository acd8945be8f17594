"""Every method learns 32 drawings by heart, by the training that all share: about two seconds each on one core."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from actret_core.data.dataset import ActionDataset
from actret_core.data.photos import store_photos
from actret_core.data.readers.stanford40 import read_stanford40
from actret_core.models.baselines.rrt import RrtConfig
from actret_core.models.methods import METHODS, build_model
from actret_core.models.weights import load_backbone
from actret_core.regions.proposals import read_proposals
from actret_core.regions.ranking import rank_split
from actret_core.retrieval import evaluate
from actret_core.training.config import TrainConfig
from actret_core.training.embed import embed, to_embeddings
from actret_core.training.fit import fit
from actret_core.training.pairs import collect, rank_others, resort, train_pairs

pytestmark = pytest.mark.slow
WEIGHTS = Path(__file__).parents[2] / "results" / "playground" / "small_backbone.safetensors"
SMALL: dict[str, Any] = {"classes": 12, "backbone": "small", "image_size": 48}
TRAIN = TrainConfig(
    epochs=20, batch_size=8, lr=5e-3, schedule="onecycle", mixup=0.0, held_out=0.0, precision="32-true", workers=0
)
FUSION: dict[str, Any] = {"k": 4, "blocks": 1, "heads": 4, "ffn": 64, "dropout": 0.0, "hidden": 32}
# the fields of a method's config, and of its training, that differ from the above; rrt learns in two stages, below
WAYS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "region_net": (FUSION, {}),
    "strong_reid": ({}, {"per_class": 2}),
    "strong_reid on the person": ({"crop": True}, {"per_class": 2}),
    "delg": ({"dim": 64}, {}),
    "token": ({"dim": 64, "heads": 4, "dropout": 0.0}, {"lr": 1e-3}),
    "whole_image": ({}, {"lr": 3e-3}),
    "two_stream": ({}, {"lr": 3e-3}),
    "fast_rcnn": ({"hidden": 64, "channels": 64}, {"lr": 3e-3}),
    "action_mask": ({"k": 4}, {"lr": 3e-3}),
}


@pytest.fixture(scope="module")
def drawings(playground: Path, tmp_path_factory: pytest.TempPathFactory) -> ActionDataset:
    """The first two of each action, and eight more, with up to four regions each."""
    parts = [read_stanford40(playground, name, name="playground") for name in ("train", "test")]
    samples = sorted((s for part in parts for s in part.samples), key=lambda s: s.id.rsplit("_", 1)[::-1])[:32]
    split = replace(parts[0], samples=tuple(samples))
    assert len(split) == 32 and split.targets.sum(0).min() >= 2
    proposals = read_proposals(playground / "proposals.json.gz", [s.image_id for s in samples])
    photos = store_photos("playground", samples, SMALL["image_size"], tmp_path_factory.mktemp("photos"), progress=False)
    return ActionDataset(split, rank_split(split, proposals, 4, 0.2), 4, SMALL["image_size"], photos)


def test_no_method_is_left_out() -> None:
    assert {name.split()[0] for name in WAYS} | {"rrt"} == METHODS.keys()


@pytest.mark.parametrize("name", WAYS)
def test_a_method_learns_by_heart(name: str, drawings: ActionDataset, tmp_path: Path) -> None:
    fields, ways = WAYS[name]
    torch.manual_seed(0)
    model = build_model(METHODS[name.split()[0]].config(**SMALL, **fields))
    losses = fit(model, drawings, None, replace(TRAIN, **ways), tmp_path, progress=False).losses
    assert losses[-1] < 0.35 * losses[0]
    found = embed(model, drawings, progress=False)
    correct = found.logits.argmax(1) == drawings.targets.argmax(1).numpy()
    assert correct.mean() >= 0.9
    assert evaluate(to_embeddings(drawings.split, found.features)).mAP > 0.9


def test_the_pair_transformer_learns_by_heart(drawings: ActionDataset, tmp_path: Path) -> None:
    """On the playground's own backbone and a global branch that never learned: what the pairs gain is theirs alone."""
    torch.manual_seed(0)
    model = build_model(RrtConfig(**SMALL, dim=64, cells=2, local_dim=32, blocks=2, heads=2, ffn=64, top=31))
    load_backbone(model.backbone, WEIGHTS)
    found = to_embeddings(drawings.split, embed(model, drawings, progress=False).features)
    before = {name: value.clone() for name, value in model.delg.state_dict().items()}
    train = replace(TRAIN, epochs=120, batch_size=16, lr=3e-3)
    losses = train_pairs(model, drawings, found, train, tmp_path, progress=False).losses
    assert losses[-1] < 0.6 * losses[0]
    assert all(torch.equal(before[name], value) for name, value in model.delg.state_dict().items()), "it is frozen"
    ranking = resort(model, drawings, found, progress=False)
    plain, resorted = evaluate(found).mAP, evaluate(found, ranking=ranking).mAP
    assert resorted > plain + 0.2
    maps = collect(model.maps, model, drawings, progress=False)
    assert np.isfinite(maps.numpy()).all() and rank_others(found).shape == (32, 31)
