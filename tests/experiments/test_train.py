import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from actret_core.experiments.action_data import ActionData, cache_photos, load_data
from actret_core.config import config_from_dict
from actret_core.data.playground import PLAYGROUND_ACTIONS
from actret_core.data.playground.pretext import read_pretext
from actret_core.data.sample import ActionSample, ActionSplit
from actret_core.errors import ConfigError, DataError
from actret_core.experiments.train import configure, pretrain_small, train_method
from actret_core.training.embed import to_embeddings
from actret_core.models.config import RegionNetConfig
from actret_core.models.region_net import RegionNet
from actret_core.models.weights import load_backbone, save_small_backbone
from actret_core.experiments.presets import Preset
from actret_core.experiments.score import retrieval_scores, embed_split, data_fingerprint, record_run
from actret_core.experiments.record import RunRecord, read_record
from actret_core.experiments.run import Run
from actret_core.retrieval import Embeddings, evaluate, recognition_map
from actret_core.training.config import TrainConfig
from actret_core.training.embed import embed
from actret_core.training.fit import FitResult

TINY = Preset(
    "demo",
    RegionNetConfig(
        classes=12, backbone="small", image_size=32, k=3, min_score=0.3, blocks=1, heads=2, ffn=16, hidden=8
    ),
    TrainConfig(epochs=2, batch_size=8, lr=1e-3, held_out=0.34, mixup=0.2, precision="32-true", workers=0),
)


class Trained(NamedTuple):
    data: ActionData
    preset: Preset
    model: RegionNet
    result: FitResult
    results: Path
    record: RunRecord


@pytest.fixture(scope="module")
def drawings(playground: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The playground, two of the five images of an action for testing: every query has a positive."""
    root = tmp_path_factory.mktemp("drawings")
    for name in ("JPEGImages", "XMLAnnotations", "proposals.json.gz"):
        (root / name).symlink_to(playground / name)
    (root / "ImageSplits").mkdir()
    (root / "ImageSplits" / "actions.txt").write_text(
        (playground / "ImageSplits" / "actions.txt").read_text()
    )
    for action in PLAYGROUND_ACTIONS:
        names = [f"{action}_{i:03}.png\n" for i in range(1, 6)]
        (root / "ImageSplits" / f"{action}_train.txt").write_text("".join(names[:3]))
        (root / "ImageSplits" / f"{action}_test.txt").write_text("".join(names[3:]))
    return root


@pytest.fixture(scope="module")
def run(drawings: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """All steps from the folder to the record, two epochs on the playground."""
    folder = tmp_path_factory.mktemp("run")
    data = load_data("playground", drawings, TINY.model)
    preset = configure(TINY, data, None, seed=3)
    model, result = train_method(data, preset, None, folder / "out", progress=False)
    record = record_run(data, Run(preset), model, result, folder / "results", dim=16)
    return Trained(data, preset, model, result, folder / "results", record)


def test_both_splits_are_read_and_every_sample_is_ranked(run: Trained, drawings: Path) -> None:
    data = run.data
    assert (len(data.train), len(data.evaluation)) == (36, 24)
    assert data.context.keys() == {*data.train.ids, *data.evaluation.ids}
    named = load_data("playground", str(drawings), TINY.model, drawings / "proposals.json.gz")
    assert named.train == data.train
    assert all(
        torch.equal(named.context[i], data.context[i]) and len(data.context[i]) <= 3 for i in data.context
    )


def test_a_dataset_is_augmented_only_if_asked(run: Trained) -> None:
    plain = run.data.dataset(run.data.train, TINY.model)
    random = run.data.dataset(run.data.train, TINY.model, augment=TINY.train)
    assert torch.equal(plain[0]["image"], plain[0]["image"])
    torch.manual_seed(0)
    assert not all(torch.equal(random[0]["image"], plain[0]["image"]) for _ in range(3))
    assert plain[0]["image"].shape == (3, 32, 32) and plain[0]["regions"].shape == (3, 4)


def test_the_record_is_what_was_run(run: Trained) -> None:
    path = run.results / "playground" / "region_net-demo-seed3.json"
    record, values = read_record(path), json.loads(path.read_text())
    assert (record.dataset, record.method, record.tier, record.seed) == (
        "playground",
        "region_net",
        "demo",
        3,
    )
    assert record.config["model"] == asdict(run.preset.model) and record.config.keys() == {"model", "train"}
    assert config_from_dict(TrainConfig, record.config["train"]) == run.preset.train
    assert record.epochs == run.result.epochs == 2 and record.wall_seconds == pytest.approx(
        run.result.wall_seconds, abs=0.06
    )
    assert record.dataset_fingerprint["images"] == 60
    assert values["train_loss"] == list(run.result.losses) and len(run.result.losses) == 2
    assert record.metrics["reranked"]["variant"] == "concatenated" and "metrics_full_dim" in values
    assert values["metrics"].keys() == {
        "mAP",
        "rank1",
        "rank5",
        "mAP_ci95",
        "reranked",
        "reranked_single",
        "recognition_mAP",
    }


def test_the_metrics_are_those_of_the_embeddings_file(run: Trained) -> None:
    """What anyone can recompute, without model and images."""
    small = Embeddings.load(run.record.embeddings_path(run.results))
    assert small.ids.tolist() == run.data.evaluation.ids
    assert small.labels.tolist() == run.data.evaluation.targets.argmax(1).tolist()
    assert small.features.shape[1] == 16
    metrics = dict(run.record.metrics)
    del metrics["recognition_mAP"]
    assert retrieval_scores(small) == metrics
    assert evaluate(small).as_percent() == {name: metrics[name] for name in ("mAP", "rank1", "rank5")}
    low, high = metrics["mAP_ci95"]
    assert low <= metrics["mAP"] <= high


def test_the_metrics_of_the_full_features_stand_beside(run: Trained) -> None:
    found = embed(run.model, run.data.dataset(run.data.evaluation, run.preset.model), progress=False)
    full = evaluate(to_embeddings(run.data.evaluation, found.features)).as_percent()
    beside = run.record.extra["metrics_full_dim"]
    assert {name: beside[name] for name in full} == pytest.approx(full, abs=1e-3)
    recognition = 100 * recognition_map(found.logits, run.data.evaluation.targets)
    assert beside["recognition_mAP"] == pytest.approx(recognition, abs=1e-3)


def test_the_logits_can_be_scored_again(run: Trained) -> None:
    kept = Embeddings.load(run.record.logits_path(run.results))
    assert kept.features.shape == run.data.evaluation.targets.shape and list(kept.ids) == list(run.data.evaluation.ids)
    again = 100 * recognition_map(kept.features, run.data.evaluation.targets)
    assert run.record.metrics["recognition_mAP"] == pytest.approx(again, abs=1e-3)


def test_the_same_seed_gives_the_same_model(run: Trained, tmp_path: Path) -> None:
    again, _ = train_method(run.data, run.preset, None, tmp_path / "a", progress=False)
    for name, value in run.model.state_dict().items():
        torch.testing.assert_close(again.state_dict()[name], value, rtol=0, atol=0)


def test_photographs_are_decoded_once_for_an_image_size(run: Trained, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("ACTRET_CACHE", str(tmp_path))
    data = cache_photos(run.data, TINY.model, progress=False)
    assert len(data.photos.values) == 60 and data.photos.path.parent == tmp_path / "photos"
    monkeypatch.setattr("actret_core.experiments.action_data.store_photos", lambda *_: pytest.fail("decoded again"))
    assert cache_photos(data, TINY.model) is data
    assert cache_photos(run.data, replace(TINY.model, on_maps=True)) is run.data
    plain, stored = (d.dataset(run.data.train, TINY.model) for d in (run.data, data))
    for i in (0, 35):
        for name, value in plain[i].items():
            assert torch.equal(value, stored[i][name])
    larger = replace(TINY.model, image_size=64)
    with pytest.raises(DataError, match="photographs of 40 x 40 pixels, asked for 80 x 80"):
        data.dataset(run.data.train, larger)


def test_parts_of_a_batch_are_recorded(run: Trained, tmp_path: Path) -> None:
    assert "parts_of_a_batch" not in run.record.extra
    record = record_run(run.data, Run(run.preset), run.model, run.result._replace(halved=(4, 2)), tmp_path, dim=4)
    assert read_record(record.path(tmp_path)).extra["parts_of_a_batch"] == [4, 2]


def test_at_test_time_a_photograph_and_its_mirror_may_be_averaged(run: Trained) -> None:
    data, split, config = run.data, run.data.evaluation, run.preset.model
    plain, mirror = data.dataset(split, config), data.mirrored(split, config)
    torch.testing.assert_close(mirror[3]["image"], plain[3]["image"].flip(2), rtol=0, atol=1e-5)
    x0, y0, x1, y1 = plain[3]["person"]
    torch.testing.assert_close(mirror[3]["person"], torch.stack([32 - x1, y0, 32 - x0, y1]))
    both = [embed(run.model, view, progress=False) for view in (plain, mirror)]
    once, twice = (
        embed_split(data, replace(run.preset, model=replace(config, flip_test=flip)), run.model, split)
        for flip in (False, True)
    )
    for name in ("features", "logits"):
        one, two = (getattr(found, name) for found in both)
        np.testing.assert_allclose(getattr(once, name), one, rtol=0, atol=1e-6)
        np.testing.assert_allclose(getattr(twice, name), (one + two) / 2, rtol=0, atol=1e-5)
    assert not np.allclose(both[0].features, both[1].features)


def test_early_stopping_never_sees_the_evaluation_split(run: Trained, tmp_path: Path, monkeypatch) -> None:
    asked: list[tuple[list[str], list[str]]] = []
    monkeypatch.setattr(
        "actret_core.experiments.train.fit",
        lambda model, train, held, *_: asked.append((train.split.ids, held.split.ids)) or FitResult(0, 0.0),
    )
    train_method(run.data, run.preset, None, tmp_path)
    ((train, held),) = asked
    assert sorted(train + held) == sorted(run.data.train.ids) and not set(train) & set(held) and held


def test_weights_fill_the_backbone(run: Trained, tmp_path: Path, monkeypatch) -> None:
    loaded = []
    monkeypatch.setattr(
        "actret_core.experiments.train.load_backbone", lambda backbone, weights: loaded.append(weights)
    )
    monkeypatch.setattr("actret_core.experiments.train.fit", lambda *_: FitResult(0, 0.0))
    train_method(run.data, run.preset, "some.safetensors", tmp_path)
    assert loaded == ["some.safetensors"]


def test_a_preset_is_fitted_to_data_weights_and_seed(run: Trained, tmp_path: Path) -> None:
    path = tmp_path / "he.safetensors"
    save_file({"x": torch.zeros(1)}, path, {"architecture": "ResNet-50, stride in the 1x1"})
    broad = replace(TINY, model=replace(TINY.model, classes=40))
    fitted = configure(broad, run.data, path, seed=7)
    assert (fitted.model.classes, fitted.model.backbone, fitted.train.seed) == (12, "resnet50_he2016", 7)
    assert not fitted.train.multi_label and fitted.tier == "demo"
    assert configure(broad, run.data, None, 0).model.backbone == "small"


def persons(*labels: tuple[int, ...]) -> ActionSplit:
    """Two persons a photograph."""
    samples = [
        ActionSample(f"p{i // 2}#{i}", Path(f"p{i // 2}.jpg"), (9, 9), (0.0, 0.0, 5.0, 5.0), wanted)
        for i, wanted in enumerate(labels)
    ]
    return ActionSplit("voc2012", "val", ("jumping", "phoning", "running"), tuple(samples))


def test_persons_with_several_or_no_actions_are_trained_by_binary_cross_entropy() -> None:
    for labels, multi in (
        ([(0,), (1,), (2,)], False),
        ([(0,), (1, 2), (2,)], True),
        ([(0,), (), (2,)], True),
    ):
        split = persons(*labels)
        assert configure(TINY, ActionData(split, split, {}), None, 0).train.multi_label == multi


def test_persons_of_one_photograph_form_a_group() -> None:
    several = to_embeddings(persons((0,), (1, 2), (), (1,)), np.eye(4, dtype=np.float32))
    assert several.groups.tolist() == ["p0.jpg", "p0.jpg", "p1.jpg", "p1.jpg"]
    assert several.labels.tolist() == [
        [True, False, False],
        [False, True, True],
        [False] * 3,
        [False, True, False],
    ]
    single = to_embeddings(
        replace(persons((0,), (2,)), samples=persons((0,), (2,)).samples[:1]), np.eye(1, dtype=np.float32)
    )
    assert single.groups is None and single.labels.tolist() == [0]


def test_the_fingerprint_tells_data_sets_apart(run: Trained) -> None:
    data = run.data
    mixed = replace(data, train=replace(data.train, samples=data.train.samples[::-1]))
    swapped = replace(data, train=data.evaluation, evaluation=data.train)
    assert data_fingerprint(mixed) == data_fingerprint(data)
    assert data_fingerprint(swapped)["splits_sha256"] != data_fingerprint(data)["splits_sha256"]
    fewer = replace(data, train=replace(data.train, samples=data.train.samples[1:]))
    assert data_fingerprint(fewer)["images"] == 59


def test_a_pretext_fills_a_small_backbone(run: Trained, playground: Path, tmp_path: Path) -> None:
    """Pictures of one seed teach the backbone what another seed's pictures are then retrieved by."""
    train = replace(TINY.train, epochs=1, held_out=0.0, mixup=0.0, multi_label=True)
    model = pretrain_small(playground, 0, train, tmp_path / "run", progress=False)
    assert model.config.features == "g" and model.config.classes > 12
    save_small_backbone(tmp_path / "small.safetensors", model.backbone)
    fitted = configure(TINY, run.data, tmp_path / "small.safetensors", 0)
    assert fitted == configure(TINY, run.data, None, 0)
    begun = RegionNet(fitted.model)
    load_backbone(begun.backbone, tmp_path / "small.safetensors")
    torch.testing.assert_close(
        begun.backbone.layers[0][0].weight, model.backbone.layers[0][0].weight, rtol=1e-2, atol=1e-3
    )


def test_a_pretext_without_some_actions(playground: Path) -> None:
    whole, part = read_pretext(playground, 0), read_pretext(playground, 0, ("riding_a_bike", "hiking"))
    assert len(whole) == 72 and len(whole.actions) == 16 and len(part.actions) == 14
    assert {"riding_a_bike", "hiking"}.isdisjoint(part.actions)
    kept = {s.id: {part.actions[i] for i in s.labels} for s in part.samples}
    shown = {s.id: {whole.actions[i] for i in s.labels} for s in whole.samples}
    assert kept == {name: what for name, what in shown.items() if what.isdisjoint({"riding_a_bike", "hiking"})}
    assert len(kept) < 72 - 12, "pictures with a bystander who does it are left out too"
    indoors = read_pretext(playground, 0, ("hiking@mountain", "drinking@park"))
    assert "hiking" in indoors.actions and not [s for s in indoors.samples if s.id.startswith("hiking")]
    parks = {s.id for s in indoors.samples if "park" in {indoors.actions[i] for i in s.labels}}
    assert parks and not [name for name in parks if "drinking" in shown[name]]
    drinking = [name for name in kept if "drinking" in shown[name] and "park" not in shown[name]]
    assert [name for name in drinking if name in set(indoors.ids)]
    for wrong in ("flying", "drinking@home"):
        with pytest.raises(ConfigError, match=f"without=.'{wrong}'.: expected some of brushing_teeth"):
            read_pretext(playground, 0, (wrong,))
