"""From a run to its record: every method on a small data set in VOC's layout, on maps, and on frozen tokens."""

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torchvision.models import resnet50

from actret_core.data.readers.voc2012 import ACTIONS
from actret_core.data.tokens import FrozenTokens
from actret_core.errors import ConfigError
from actret_core.experiments import train
from actret_core.experiments.action_data import ActionData, load_data
from actret_core.experiments.perform import perform, perform_alone, prepare
from actret_core.experiments.presets import FROZEN, Preset, find_preset, reduced
from actret_core.experiments.record import read_record
from actret_core.experiments.run import Place, Run, claimed
from actret_core.experiments.sweep import run_sweep
from actret_core.models.checkpoint import load_model
from actret_core.models.config import RegionNetConfig
from actret_core.models.methods import METHODS
from actret_core.models.region_net import RegionNet
from actret_core.models.weights import save_small_backbone
from actret_core.retrieval import Embeddings

IMAGES = 20


def _person(x: int, actions: set[str]) -> str:
    flags = "".join(f"<{a}>{int(a in actions)}</{a}>" for a in (*ACTIONS, "other"))
    box = f"<bndbox><xmin>{x}</xmin><ymin>3</ymin><xmax>{x + 20}</xmax><ymax>38</ymax></bndbox>"
    return f"<object><name>person</name><actions>{flags}</actions>{box}</object>"


@pytest.fixture(scope="module")
def voc(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two persons a photograph, one of one action and one of two; in the last two of each split, one of none."""
    root, rng, boxes = tmp_path_factory.mktemp("voc"), np.random.default_rng(0), []
    for folder in ("JPEGImages", "Annotations", "ImageSets/Action"):
        (root / folder).mkdir(parents=True)
    names = {split: [f"2011_{start + i}" for i in range(IMAGES)] for split, start in (("train", 100), ("val", 200))}
    for number, name in enumerate(names["train"] + names["val"]):
        first, second = ACTIONS[number % len(ACTIONS)], ACTIONS[(number + 1) % len(ACTIONS)]
        others = {"other"} if number % IMAGES >= IMAGES - 2 else {first, second}
        size = "<size><width>60</width><height>40</height></size>"
        text = f"<annotation>{_person(2, {first})}{_person(30, others)}{size}</annotation>"
        (root / "Annotations" / f"{name}.xml").write_text(text)
        Image.fromarray(rng.integers(0, 255, (40, 60, 3), dtype=np.uint8)).save(root / "JPEGImages" / f"{name}.jpg")
        boxes += [{"image_id": f"{name}.jpg", "category_id": 1, "bbox": [x, 3, 20, 30], "score": 0.9} for x in (2, 30)]
    for split, listed in names.items():
        (root / "ImageSets" / "Action" / f"{split}.txt").write_text("\n".join(listed) + "\n")
    (root / "proposals.json").write_text(json.dumps(boxes))
    return root


@pytest.mark.parametrize("method", METHODS)
def test_every_method_is_trained_and_recorded(
    method: str, voc: Path, place: Place, tiny: Callable[[str], Preset]
) -> None:
    """Table 2 is the same command: persons with several actions or none, in photographs of several persons."""
    place, run = replace(place, dataset="voc2012", data=voc), Run(tiny(method))
    perform(run, place)
    record = read_record(place.record(run))
    config = record.config
    assert (record.method, config["train"]["multi_label"], config["model"]["classes"]) == (method, True, 10)
    assert record.dataset_fingerprint["images"] == 2 * IMAGES
    assert 0 < record.metrics["mAP"] <= 100 and 0 < record.metrics["recognition_mAP"] <= 100
    small = Embeddings.load(record.embeddings_path(place.results))
    assert small.features.shape == (2 * IMAGES, 4) and small.labels.shape == (2 * IMAGES, 10)
    assert len(set(small.groups)) == IMAGES and (~small.labeled).sum() == 2
    kept = load_model(place.folder(run) / "model.safetensors")
    assert json.loads(json.dumps(asdict(kept.config))) == config["model"]
    stages = 2 if method == "rrt" else 1
    assert record.epochs == len(record.extra["train_loss"]) == stages
    assert ("resorted" in record.extra) == ("pairs" in config) == (stages == 2)


def test_the_reranking_transformer_has_two_stages(place: Place, tiny: Callable[[str], Preset]) -> None:
    """It needs no proposals; what it sorted again is recorded; and a finished run is not trained a second time."""
    run = Run(tiny("rrt"))
    prepared, data = prepare(run, place)
    first, done = train.train_method(data, prepared.preset, None, place.folder(run), progress=False)
    record = perform(run, place)
    assert record.extra["resorted"]["top"] == 8 and 0 < record.extra["resorted"]["mAP"] <= 100
    assert record.epochs == done.epochs and record.extra["train_loss"] == list(done.losses)
    assert (place.folder(run) / "pairs" / "config.json").exists()
    kept = load_model(place.folder(run) / "model.safetensors").state_dict()
    assert all(torch.equal(kept[name].cpu(), value.cpu()) for name, value in first.state_dict().items())


def test_without_keep_nothing_stays_but_the_record(place: Place, tiny: Callable[[str], Preset]) -> None:
    run = Run(tiny("whole_image"), "small")
    perform(run, place, keep=False)
    assert place.record(run).exists() and not [*place.runs.rglob("*.ckpt"), *place.runs.rglob("*.safetensors")]


def test_another_process_has_the_run(place: Place, tiny: Callable[[str], Preset]) -> None:
    run = Run(tiny("whole_image"))
    with claimed(run, place), pytest.raises(ConfigError, match="another process trains this run; wait for it"):
        perform_alone(run, place)


# --- on the maps of a frozen front


@pytest.fixture
def on_maps(place: Place, tmp_path: Path, tiny: Callable[[str], Preset]) -> tuple[Place, Callable[[str], Run]]:
    """A ResNet-50 that has learned nothing, in torchvision's layout, and runs on its maps."""
    torch.manual_seed(0)
    save_file({name: value.contiguous() for name, value in resnet50().state_dict().items()}, tmp_path / "r.safetensors")

    def run(method: str, view: str = "image") -> Run:
        preset = reduced(find_preset(method, "cpu"))
        model, train = replace(preset.model, image_size=32), replace(preset.train, epochs=1, precision="32-true")
        return Run(replace(preset, model=model, train=train), "reduced", view)

    return replace(place, weights=str(tmp_path / "r.safetensors")), run


def test_methods_share_the_maps(on_maps: tuple[Place, Callable[[str], Run]]) -> None:
    place, run = on_maps
    record = perform(run("delg"), place)
    maps = sorted(place.maps.glob("*.maps.npy"))
    assert [path.name for path in maps] == [f"playground-{split}-image-32.maps.npy" for split in ("test", "train")]
    written = [path.stat().st_mtime_ns for path in maps]
    assert perform(run("whole_image"), place).method == "whole_image"
    assert [path.stat().st_mtime_ns for path in maps] == written
    assert record.config["model"]["on_maps"] and record.config["train"]["mixup"] == 0


def test_a_crop_has_maps_of_its_own(on_maps: tuple[Place, Callable[[str], Run]]) -> None:
    place, run = on_maps
    _, data = prepare(run("strong_reid", view="person"), place)
    assert (place.maps / "playground-test-person-32.maps.npy").exists()
    assert {store.info.view for store in data.maps.values()} == {"person"}


def test_a_frozen_front_needs_weights(on_maps: tuple[Place, Callable[[str], Run]]) -> None:
    place, run = on_maps
    with pytest.raises(ConfigError, match="weights=None: expected pretrained weights"):
        perform(run("delg"), replace(place, weights=None))


def test_regions_are_read_for_the_methods_that_see_them(playground: Path) -> None:
    blind, seeing = (load_data("playground", playground, find_preset(m, "cpu").model) for m in ("delg", "action_mask"))
    assert not any(len(boxes) for boxes in blind.context.values())
    assert any(len(boxes) for boxes in seeing.context.values())


# --- on the tokens of a frozen backbone


@pytest.fixture
def on_tokens(place: Place, tmp_path: Path) -> tuple[Place, Run]:
    """A small backbone that has learned nothing, and a run of the playground's size on its tokens."""
    small = RegionNetConfig(
        backbone="small", on_maps=True, image_size=32, k=3, min_score=0.2, blocks=1, heads=2, ffn=16, hidden=8
    )
    whole = replace(small, on_maps=False)
    save_small_backbone(tmp_path / "w.safetensors", RegionNet(whole).backbone)
    run = Run(replace(FROZEN, model=small, token_dim=8), "frozen", flip_too=True)
    return replace(place, weights=str(tmp_path / "w.safetensors")), run


def test_runs_on_tokens(on_tokens: tuple[Place, Run]) -> None:
    """One training gives two records, the mirror's equal to that of a training of its own; each pooling has tokens."""
    place, run = on_tokens
    mirrored = run.to_record[0]
    gem = replace(run, preset=replace(run.preset, model=replace(run.preset.model, pooling="gem")), variant="frozen-gem")
    assert run_sweep([run, gem], place) == []
    base, flip, pooled = (read_record(place.record(each)) for each in (run, mirrored, gem))
    assert (base.tier, base.variant, flip.tier, flip.variant) == ("cpu", "frozen", "plus", "frozen-flip")
    assert len({record.metrics["mAP"] for record in (base, flip, pooled)}) == 3
    assert not list(place.runs.rglob("*.ckpt")) and base.config["token_dim"] == 8
    files = sorted(path.name.rsplit("-", 1)[0] for path in (place.runs / "tokens").glob("*.npz"))
    assert files == ["playground-k3-gem-8", "playground-k3-max-8"]
    elsewhere = replace(place, results=place.results / "alone")
    perform(mirrored, elsewhere)
    alone = read_record(elsewhere.record(mirrored))
    assert alone.metrics == flip.metrics and alone.config == flip.config


def test_the_tokens_are_those_of_both_sets_and_of_the_mirror(on_tokens: tuple[Place, Run]) -> None:
    place, run = on_tokens
    prepared, data = prepare(run, place)
    tokens = train.cached_tokens(data, prepared.preset, place.weights, place.runs / "tokens")
    count = len(data.evaluation)
    ids = [*data.train.ids, *data.evaluation.ids, *(f"{name} mirrored" for name in data.evaluation.ids)]
    assert tokens.ids.tolist() == ids and tokens.train.tolist() == [True] * len(data.train) + [False] * 2 * count
    plain, mirrored = tokens.values[-2 * count : -count], tokens.values[-count:]
    assert (plain != mirrored).any((1, 2)).all() and ((plain == 0).all(2) == (mirrored == 0).all(2)).all()
    assert tokens.labels[-count:].tolist() == tokens.labels[-2 * count : -count].tolist()
    (file,) = (place.runs / "tokens").glob("*.npz")

    def asked_with(data: ActionData) -> bool:
        """Whether the tokens are computed again."""
        written = file.stat().st_mtime_ns
        train.cached_tokens(data, prepared.preset, place.weights, place.runs / "tokens")
        return file.stat().st_mtime_ns != written

    assert not asked_with(data)
    moved = {name: boxes + 1 for name, boxes in data.context.items()}
    assert asked_with(replace(data, context=moved)) and asked_with(data), "other regions have other tokens"
    file.with_suffix(".json").unlink()
    assert not asked_with(data) and file.with_suffix(".json").exists(), "of an older version: completed"
    assert isinstance(FrozenTokens.load(next((place.runs / "tokens").glob("*.npz"))), FrozenTokens)
