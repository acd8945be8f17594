"""From a folder to a record, for every rival: two small epochs on the playground."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import torch

from actret_core.cli import main as cli
from actret_core.experiments.action_data import load_data
from actret_core.experiments.train import configure, train_method
from actret_core.models.baselines.delg import DelgConfig
from actret_core.models.baselines.rrt import RrtConfig
from actret_core.models.baselines.strong_reid import StrongReidConfig
from actret_core.models.baselines.token import TokenConfig
from actret_core.models.checkpoint import load_model
from actret_core.experiments.presets import Preset
from actret_core.experiments.score import record_run
from actret_core.experiments.record import read_record
from actret_core.experiments.presets import RIVALS
from actret_core.training.config import TrainConfig

SMALL: dict[str, Any] = {"backbone": "small", "image_size": 32}
TRAIN = TrainConfig(epochs=1, batch_size=8, lr=1e-3, held_out=0.0, precision="32-true", workers=0)
TINY = {
    "strong_reid": Preset("demo", StrongReidConfig(**SMALL), replace(TRAIN, per_class=2)),
    "delg": Preset("demo", DelgConfig(**SMALL, dim=8), TRAIN),
    "token": Preset("demo", TokenConfig(**SMALL, dim=8, heads=2), TRAIN),
    "rrt": Preset(
        "demo", RrtConfig(**SMALL, dim=8, cells=2, local_dim=8, blocks=1, heads=2, ffn=8, top=12), TRAIN,
        replace(TRAIN, batch_size=16),
    ),
}


@pytest.fixture
def linked(playground: Path, tmp_path: Path) -> Path:
    """The playground without its proposals: the rivals need none."""
    root = tmp_path / "data"
    root.mkdir()
    for name in ("JPEGImages", "XMLAnnotations", "ImageSplits"):
        (root / name).symlink_to(playground / name)
    return root


@pytest.mark.parametrize("method", TINY)
def test_a_rival_is_trained_and_recorded(method: str, linked: Path, tmp_path: Path) -> None:
    data = load_data("playground", linked, TINY[method].model)
    preset = configure(TINY[method], data, None, seed=1)
    assert preset.model.classes == 12
    model, result = train_method(data, preset, None, tmp_path / "run", progress=False)
    assert result.epochs == len(result.losses) == (2 if method == "rrt" else 1)
    record = record_run(data, preset, model, result, tmp_path / "results", dim=4)
    again = read_record(tmp_path / "results" / "playground" / f"{method}-demo-seed1.json")
    assert again.method == method and again.metrics == record.metrics
    assert again.config["model"] == asdict(preset.model) and again.epochs == result.epochs
    if method == "rrt":
        resorted = again.extra["resorted"]
        assert resorted["top"] == 12 and 0 < resorted["mAP"] <= 100 and "pairs" in again.config
        assert (tmp_path / "run" / "pairs" / "config.json").exists()
    else:
        assert "resorted" not in again.extra


def test_a_finished_run_of_two_stages_is_not_trained_again(linked: Path, tmp_path: Path) -> None:
    data = load_data("playground", linked, TINY["rrt"].model)
    preset = configure(TINY["rrt"], data, None, seed=1)
    first, done = train_method(data, preset, None, tmp_path / "run", progress=False)
    second, again = train_method(data, preset, None, tmp_path / "run", progress=False)
    assert again == done
    assert all(torch.equal(first.state_dict()[name], value) for name, value in second.state_dict().items())


def test_the_same_seed_gives_the_same_model(linked: Path, tmp_path: Path) -> None:
    data = load_data("playground", linked, TINY["strong_reid"].model)
    preset = configure(TINY["strong_reid"], data, None, seed=1)
    one, two = (train_method(data, preset, None, tmp_path / name, progress=False)[0].state_dict() for name in "ab")
    assert all(torch.equal(one[name], two[name]) for name in one)


@pytest.mark.parametrize(("arguments", "name"), [([], "strong_reid-demo"), (["--crop"], "strong_reid-person-demo")])
def test_the_command_line_trains_a_rival(
    arguments: list[str], name: str, linked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    monkeypatch.setitem(RIVALS["strong_reid"], "demo", TINY["strong_reid"])
    monkeypatch.chdir(tmp_path)
    cli.main(["train", "--data", str(linked), "--preset", "demo", "--method", "strong_reid", *arguments])
    printed = capsys.readouterr().out
    record = read_record(tmp_path / "results" / "playground" / f"{name}-seed0.json")
    assert json.loads(printed[printed.index("{\n") :]) == dict(record.metrics)
    model = load_model(tmp_path / "runs" / "playground" / f"{name}-seed0" / "model.safetensors")
    assert model.config.crop == bool(arguments) == (record.variant == "person")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--method", "delg", "--crop"], "--crop is no option of delg; leave it out"),
        (["--method", "token", "--features", "ag"], "--features is no option of token; leave it out"),
        (["--crop"], "--crop is no option of region_net"),
    ],
)
def test_options_of_another_method(arguments: list[str], message: str, linked: Path) -> None:
    with pytest.raises(SystemExit, match=message):
        cli.main(["train", "--data", str(linked), "--preset", "demo", *arguments])
