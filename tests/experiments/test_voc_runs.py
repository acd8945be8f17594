"""Table 2 is the same command: every method is trained and recorded on a small data set in VOC's layout."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from actret_core.cli import main as cli
from actret_core.experiments import presets as rival_presets, run as runs
from actret_core.data.readers.voc2012 import ACTIONS
from actret_core.models.methods import METHODS
from actret_core.experiments.record import read_record
from actret_core.retrieval import Embeddings
from actret_core.experiments.presets import RIVALS, find_preset

SIZE, IMAGES = 32, 20


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


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The preset "demo" as tier "cpu": one epoch of a small model on 32 pixels."""

    def find(method: str, name: str) -> rival_presets.Preset:
        preset = find_preset(method, "demo")
        model = rival_presets.replace(preset.model, image_size=SIZE, **({"top": 8} if method == "rrt" else {}))
        per_class = 2 if preset.train.per_class else 0
        train = rival_presets.replace(preset.train, epochs=1, batch_size=8, per_class=per_class)
        pairs = preset.pairs and rival_presets.replace(preset.pairs, epochs=1)
        return rival_presets.replace(preset, tier="cpu", model=model, train=train, pairs=pairs)

    monkeypatch.setattr(runs, "find_preset", find)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("method", METHODS)
def test_a_method_is_trained_and_recorded(method: str, voc: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    cli.main(["train", "--dataset", "voc2012", "--data", str(voc), "--method", method, "--dim", "8"])
    record = read_record(tmp_path / "results" / "voc2012" / f"{method}-cpu-seed0.json")
    assert record.config["train"]["multi_label"] and record.config["model"]["classes"] == 10
    assert record.dataset_fingerprint["images"] == 2 * IMAGES
    assert 0 < record.metrics["mAP"] <= 100 and 0 < record.metrics["recognition_mAP"] <= 100
    small = Embeddings.load(record.embeddings_path(tmp_path / "results"))
    assert small.features.shape == (2 * IMAGES, 8) and small.labels.shape == (2 * IMAGES, 10)
    assert len(set(small.groups)) == IMAGES and (~small.labeled).sum() == 2


def test_every_method_has_a_preset_for_a_gpu() -> None:
    assert all(find_preset(method, "full").tier == "full" for method in METHODS)
    assert {"demo", "cpu", "full"} == set.intersection(*(set(presets) for presets in RIVALS.values()))
