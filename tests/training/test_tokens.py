from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from actret_core.data.dataset import ActionDataset
from actret_core.data.split import subset
from actret_core.data.readers.stanford40 import read_stanford40
from actret_core.data.tokens import FrozenTokens, TokenDataset, compress_tokens
from actret_core.models.config import RegionNetConfig
from actret_core.models.region_net import RegionNet
from actret_core.regions.proposals import read_proposals
from actret_core.regions.ranking import rank_split
from actret_core.training.tokens import extract_tokens

DIM, K = 8, 5


@pytest.fixture(scope="module")
def parts(playground: Path) -> dict[str, ActionDataset]:
    """All training images of the playground and twelve of its test images, one of them without proposals."""
    splits = {name: read_stanford40(playground, name, name="playground") for name in ("train", "test")}
    splits["test"] = subset(splits["test"], range(12), "test")
    found = {}
    for name, split in splits.items():
        proposals = read_proposals(playground / "proposals.json.gz", [s.image_id for s in split.samples])
        context = rank_split(split, proposals, K, 0.3)
        if name == "test":
            context[split.ids[3]] = torch.zeros(0, 4)
        found[name] = ActionDataset(split, context, K, 32)
    return found


@pytest.fixture(scope="module")
def model() -> RegionNet:
    torch.manual_seed(0)
    return RegionNet(
        RegionNetConfig(classes=12, backbone="small", image_size=32, k=K, blocks=1, heads=2, ffn=16)
    )


@pytest.fixture(scope="module")
def frozen(model: RegionNet, parts: dict[str, ActionDataset]) -> FrozenTokens:
    return extract_tokens(model, parts, DIM, workers=0)


def test_it_holds_every_sample_in_order(frozen: FrozenTokens, parts: dict[str, ActionDataset]) -> None:
    assert frozen.ids.tolist() == [i for part in parts.values() for i in part.split.ids]
    assert frozen.train.tolist() == [True] * len(parts["train"]) + [False] * 12
    assert frozen.labels.tolist() == [s.labels[0] for part in parts.values() for s in part.split.samples]
    assert frozen.actions.tolist() == list(parts["train"].split.actions)
    assert frozen.values.shape == (len(frozen.ids), K + 2, DIM) and frozen.values.dtype == np.int8


def test_boxes_are_the_person_and_its_regions_on_disk(
    frozen: FrozenTokens, parts: dict[str, ActionDataset]
) -> None:
    samples = [(part, s) for part in parts.values() for s in part.split.samples]
    for boxes, regions, (part, sample) in zip(frozen.boxes, frozen.regions, samples, strict=True):
        context = part.context[sample.id]
        assert regions == len(context) and not boxes[1 + regions :].any()
        np.testing.assert_allclose(boxes[0], sample.person, atol=0.5)
        np.testing.assert_allclose(boxes[1 : 1 + regions], context, atol=0.5)
    assert frozen.regions[len(parts["train"]) + 3] == 0


def test_values_are_the_model_s_tokens_compressed(
    frozen: FrozenTokens, model: RegionNet, parts: dict[str, ActionDataset]
) -> None:
    """The same by hand in float32; bfloat16 and half precision leave a small difference."""
    tokens, mask = [], []
    with torch.no_grad():
        for part in parts.values():
            for batch in DataLoader(part, 16):
                found = model.eval().tokens(*(batch[name] for name in model.inputs))
                tokens.append(found[0]), mask.append(found[1])
    mask = torch.cat(mask).numpy()
    values, scale = compress_tokens(torch.cat(tokens).numpy(), mask, frozen.train, DIM)
    # a principal direction may point either way: compare tokens by their inner products, within 64 images
    left, right = (v[mask][:300] * s for v, s in ((frozen.values, frozen.scale), (values, scale)))
    difference = np.linalg.norm(left @ left.T - right @ right.T) / np.linalg.norm(right @ right.T)
    assert difference < 0.05


def test_the_result_trains_a_fusion_transformer(frozen: FrozenTokens, tmp_path: Path) -> None:
    frozen.save(tmp_path / "tokens.npz")
    data = TokenDataset(FrozenTokens.load(tmp_path / "tokens.npz"), frozen.train)
    assert len(data) == frozen.train.sum() and torch.isfinite(data.tokens).all()
    assert torch.equal(data.mask.sum(1), 2 + torch.from_numpy(frozen.regions[frozen.train]).long())
