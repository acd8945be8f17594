"""The reduced protocol by the command line: maps are computed once, and every method learns from them."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torchvision.models import resnet50

from actret_core.cli import main as cli
from actret_core.experiments import presets as rival_presets, run as runs
from actret_core.experiments.action_data import load_data
from actret_core.experiments.record import read_record
from actret_core.experiments.presets import find_preset

SIZE = 32


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A ResNet-50 that has learned nothing, in torchvision's layout."""
    torch.manual_seed(0)
    save_file({name: value.contiguous() for name, value in resnet50().state_dict().items()}, tmp_path / "r.safetensors")
    return tmp_path / "r.safetensors"


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """One epoch on 32 pixels, for all methods."""
    small = {"image_size": SIZE}

    def find(method: str, name: str) -> rival_presets.Preset:
        preset = find_preset(method, name)
        model = rival_presets.replace(preset.model, **small)
        train = rival_presets.replace(preset.train, epochs=1, batch_size=8, precision="32-true")
        return rival_presets.replace(preset, model=model, train=train, pairs=None)

    monkeypatch.setattr(runs, "find_preset", find)


def _train(method: str, playground: Path, weights: Path, *options: str) -> None:
    data = ["--dataset", "playground", "--data", str(playground), "--results", "results", "--seed", "2"]
    cli.main(["train", *data, "--weights", str(weights), "--method", method, "--preset", "reduced", *options])


@pytest.mark.usefixtures("quick")
def test_methods_share_the_maps(
    playground: Path, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    _train("delg", playground, weights)
    maps = sorted(Path("runs/maps").glob("*.maps.npy"))
    assert [path.name for path in maps] == [f"playground-{split}-image-32.maps.npy" for split in ("test", "train")]
    written = [path.stat().st_mtime_ns for path in maps]
    _train("whole_image", playground, weights)
    assert [path.stat().st_mtime_ns for path in maps] == written
    record = read_record(Path("results/playground/delg-reduced-cpu-seed2.json"))
    assert record.config["model"]["backbone"] == "resnet50_tail" and record.config["train"]["mixup"] == 0
    assert read_record(Path("results/playground/whole_image-reduced-cpu-seed2.json")).method == "whole_image"


@pytest.mark.usefixtures("quick")
def test_a_crop_has_maps_of_its_own(
    playground: Path, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    _train("strong_reid", playground, weights, "--crop")
    assert Path("runs/maps/playground-test-person-32.maps.npy").exists()
    record = read_record(Path("results/playground/strong_reid-reduced-person-cpu-seed2.json"))
    assert record.config["model"]["crop"] is False  # the model must not crop a second time


def test_a_frozen_front_needs_weights(playground: Path) -> None:
    with pytest.raises(SystemExit, match="weights=None: expected pretrained weights"):
        cli.main(["train", "--dataset", "playground", "--data", str(playground), "--preset", "reduced"])


def test_regions_are_read_for_the_methods_that_see_them(playground: Path) -> None:
    blind, seeing = (load_data("playground", playground, find_preset(m, "reduced").model) for m in ("delg", "action_mask"))
    assert not any(len(boxes) for boxes in blind.context.values())
    assert any(len(boxes) for boxes in seeing.context.values())


@pytest.mark.usefixtures("quick")
def test_a_recorded_run_may_be_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    record = Path("results/playground/delg-reduced-cpu-seed2.json")
    record.parent.mkdir(parents=True)
    record.write_text("{}")
    _train("delg", tmp_path / "no_data", tmp_path / "no_weights", "--once")  # looks at neither
    assert capsys.readouterr().out == "delg-reduced-cpu-seed2: recorded already\n"
