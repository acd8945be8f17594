import json
import re
from dataclasses import FrozenInstanceError, asdict, replace
from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from actret_core.config import config_from_dict
from actret_core.data.dataset import ActionDataset
from actret_core.data.photos import store_photos
from actret_core.data.readers.stanford40 import read_stanford40
from actret_core.errors import ConfigError
from actret_core.models.backbone import build_front
from actret_core.models.recognition import RECOGNITION
from actret_core.models.config import ModelConfig
from actret_core.regions.proposals import read_proposals
from actret_core.regions.ranking import rank_split
from actret_core.training.config import TrainConfig
from actret_core.training.embed import embed
from actret_core.training.fit import fit
from actret_core.training.module import action_loss

Inputs = dict[str, Tensor]
WIDTHS = {"whole_image": 96, "two_stream": 192, "fast_rcnn": 16, "action_mask": 96}


def name_of(config: ModelConfig) -> str:
    return next(name for name, (kind, _) in RECOGNITION.items() if kind is type(config))


def built(config: ModelConfig) -> nn.Module:
    """In evaluation mode, with batch norms that do something."""
    torch.manual_seed(0)
    model = RECOGNITION[name_of(config)][1](config).eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(std=0.1), module.running_var.uniform_(0.5, 1.5)
    return model


def run(model: nn.Module, inputs: Inputs) -> Any:
    return model(**{name: inputs[name] for name in model.inputs})


def test_an_embedding_and_logits(small_config: ModelConfig, inputs: Inputs) -> None:
    output = run(built(small_config), inputs)
    assert output.embedding.shape == (3, WIDTHS[name_of(small_config)]) and output.logits.shape == (3, 3)
    assert output.embedding.dtype == output.logits.dtype == torch.float32


def test_a_gradient_reaches_every_parameter(small_config: ModelConfig, inputs: Inputs) -> None:
    model = built(small_config)
    run(model, inputs).logits.square().sum().backward()
    assert not [n for n, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]


@pytest.mark.parametrize("multi_label", [False, True])
def test_one_action_or_several(small_config: ModelConfig, inputs: Inputs, multi_label: bool) -> None:
    targets = torch.tensor([[1.0, 0, 1], [0, 0, 0], [0, 1, 0]]) if multi_label else torch.eye(3)
    loss = action_loss(run(built(small_config), inputs).logits, targets, TrainConfig(multi_label=multi_label))
    assert loss.shape == () and loss > 0


def test_an_image_is_not_changed_by_its_company(small_config: ModelConfig, inputs: Inputs) -> None:
    model = built(small_config)
    together = run(model, inputs)
    for i in range(3):
        alone = run(model, {name: value[i : i + 1] for name, value in inputs.items()})
        torch.testing.assert_close(alone.logits[0], together.logits[i], rtol=0, atol=1e-5)


def test_what_a_model_looks_at(small_config: ModelConfig, inputs: Inputs) -> None:
    """The person's box matters where it is an input, and the image always."""
    model, box = built(small_config), torch.tensor([0.0, 0, 9, 9])
    before = run(model, inputs).embedding
    moved = run(model, inputs | {"person": box.expand(3, 4)}).embedding
    assert torch.equal(before, moved) == ("person" not in model.inputs)
    assert not torch.allclose(before, run(model, inputs | {"image": inputs["image"].flip(2)}).embedding, atol=1e-4)


def test_half_precision_is_close(small_config: ModelConfig, inputs: Inputs) -> None:
    model = built(small_config)
    with torch.autocast("cpu", torch.bfloat16):
        half = run(model, inputs).embedding.float()
    assert torch.cosine_similarity(half, run(model, inputs).embedding).min() > 0.99


def test_on_cached_maps(small_config: ModelConfig, inputs: Inputs) -> None:
    """The reduced protocol: the front's map in the place of the photograph changes nothing."""
    config = replace(small_config, backbone="resnet50_he2016", image_size=64)
    whole, reduced = built(config), built(replace(config, backbone="resnet50_he2016_tail"))
    front, state = build_front("resnet50_he2016_tail").eval(), whole.state_dict()
    reduced.load_state_dict({name: state[name] for name in reduced.state_dict()})
    part = {name.removeprefix("backbone."): value for name, value in state.items()}
    front.load_state_dict({name: part[name] for name in front.state_dict()})
    image = torch.randn(3, 3, 64, 64)
    with torch.inference_mode():
        expected = run(whole, inputs | {"image": image})
        found = run(reduced, inputs | {"image": front(image)})
    assert torch.equal(found.embedding, expected.embedding) and torch.equal(found.logits, expected.logits)


def test_padding_never_changes_a_result(inputs: Inputs) -> None:
    model = built(RECOGNITION["action_mask"][0](classes=3, backbone="small", image_size=32, k=4))
    nn.init.normal_(model.evidence.weight)
    expected = run(model, inputs).embedding
    for garbage in (-50.0, 1e4, float("nan")):
        boxes = torch.where(inputs["mask"].unsqueeze(2), inputs["regions"], garbage)
        torch.testing.assert_close(run(model, inputs | {"regions": boxes}).embedding, expected)
    more = {"regions": pad(inputs["regions"], (0, 0, 0, 6), value=9), "mask": pad(inputs["mask"], (0, 6))}
    torch.testing.assert_close(run(model, inputs | more).embedding, expected)


BAD = [
    ("whole_image", "pooling", "sum"), ("two_stream", "pooling", "median"), ("two_stream", "roi_size", 0),
    ("fast_rcnn", "roi_size", 0), ("fast_rcnn", "channels", 0),
    ("fast_rcnn", "hidden", 0),
    ("action_mask", "k", 0), ("action_mask", "roi_size", 0), ("action_mask", "min_score", 1.5),
    ("action_mask", "max_iou", -0.1),
] + [(name, field, value) for name in RECOGNITION for field, value in (("classes", 0), ("backbone", "vgg"))]


@pytest.mark.parametrize(("name", "field", "value"), BAD)
def test_a_bad_value_names_its_field(name: str, field: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=re.escape(f"{field}={value!r}: expected")):
        config_from_dict(RECOGNITION[name][0], {field: value})


def test_a_config_survives_json_and_cannot_change(small_config: ModelConfig) -> None:
    assert config_from_dict(type(small_config), json.loads(json.dumps(asdict(small_config)))) == small_config
    with pytest.raises(FrozenInstanceError):
        small_config.classes = 5


@pytest.mark.parametrize(
    ("name", "head"),
    [
        ("whole_image", 2048 * 40 + 40),
        ("two_stream", 4096 * 40 + 40),
        ("fast_rcnn", 2048 * 256 + 256 + 9 * 256**2 + 256 + 49 * 256 * 1024 + 1024 + 1024**2 + 1024 + 1024 * 40 + 40),
        ("action_mask", 2048 + 1 + 2048 * 40 + 40),
    ],
)
@pytest.mark.parametrize(("backbone", "trunk"), [("resnet50", 23_508_032), ("resnet50_tail", 14_964_736)])
def test_parameters_by_formula(name: str, head: int, backbone: str, trunk: int) -> None:
    kind, build = RECOGNITION[name]
    with torch.device("meta"):
        model = build(kind(backbone=backbone))
    assert sum(p.numel() for p in model.parameters()) == trunk + head


@pytest.mark.parametrize("name", RECOGNITION)
def test_it_can_learn_32_pictures_by_heart(playground: Path, tmp_path: Path, name: str) -> None:
    kind, build = RECOGNITION[name]
    parts = [read_stanford40(playground, name) for name in ("train", "test")]
    samples = sorted((s for part in parts for s in part.samples), key=lambda s: s.id.rsplit("_", 1)[::-1])
    few = replace(parts[0], samples=tuple(samples[:32]))  # the first two of each action, and eight more
    found = read_proposals(next(playground.glob("proposals*")), [s.image_id for s in few.samples])
    narrow = {"hidden": 64} if name == "fast_rcnn" else {}  # its 1024 would take a minute
    config = kind(classes=len(few.actions), backbone="small", image_size=64, **narrow)
    photos = store_photos(few.dataset, few.samples, 64, tmp_path, progress=False)
    data = ActionDataset(few, rank_split(few, found, 4, 0.2), 4, 64, photos)
    train_config = TrainConfig(
        epochs=25, batch_size=16, lr=3e-3, weight_decay=0.0, schedule="onecycle", mixup=0.0, held_out=0.0,
        precision="32-true", workers=0,
    )
    L.seed_everything(0, verbose=False)
    model = build(config)
    fit(model, data, None, train_config, tmp_path, progress=False)
    logits = torch.from_numpy(embed(model, data, progress=False).logits)
    assert len(few) == 32 and (logits.argmax(1) == data.targets.argmax(1)).float().mean() > 0.95
