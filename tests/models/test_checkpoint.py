import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from actret_core.errors import CheckpointError
from actret_core.models.checkpoint import load_model, save_model
from actret_core.models.config import RegionNetConfig
from actret_core.models.region_net import RegionNet


@pytest.fixture
def saved(config: RegionNetConfig, tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    save_model(path, RegionNet(config))
    return path


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_a_round_trip_changes_nothing(
    config: RegionNetConfig,
    inputs: dict[str, torch.Tensor],
    tmp_path: Path,
    memory_format: torch.memory_format,
) -> None:
    model = RegionNet(config).to(memory_format=memory_format)
    model(**inputs)  # in training, so that the batch norms have something to remember
    save_model(tmp_path / "model.safetensors", model)
    again = load_model(tmp_path / "model.safetensors")
    assert again.config == config
    for left, right in zip(again.eval()(**inputs), model.eval()(**inputs), strict=True):
        torch.testing.assert_close(left, right)
    assert [p.name for p in tmp_path.iterdir()] == ["model.safetensors"]


@pytest.mark.parametrize("keep", [0, 4, 300, -50])
def test_a_cut_file(saved: Path, keep: int) -> None:
    saved.write_bytes(saved.read_bytes()[:keep])
    with pytest.raises(CheckpointError, match="model.safetensors: not a readable checkpoint"):
        load_model(saved)


def test_no_file(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.safetensors", tmp_path):
        with pytest.raises(CheckpointError, match=f"{path.name}: not a readable checkpoint"):
            load_model(path)


def test_backbone_weights_are_no_checkpoint(saved: Path) -> None:
    save_file({"conv1.weight": torch.zeros(2)}, saved)
    with pytest.raises(
        CheckpointError, match="holds no config; backbone weights are loaded by `load_backbone`"
    ):
        load_model(saved)


@pytest.mark.parametrize("text", ["{", '{"block": 2}', '{"blocks": 0}'])
def test_a_config_that_makes_no_sense(saved: Path, text: str) -> None:
    save_file(load_file(saved), saved, metadata={"config": text})
    with pytest.raises(CheckpointError, match="model.safetensors: its config is not of this version"):
        load_model(saved)


def test_a_file_from_before_methods_had_names(saved: Path, config: RegionNetConfig) -> None:
    save_file(load_file(saved), saved, metadata={"config": json.dumps(asdict(config))})
    model = load_model(saved)
    assert isinstance(model, RegionNet) and model.config == config


def test_a_method_of_another_version(saved: Path) -> None:
    save_file(load_file(saved), saved, metadata={"config": "{}", "method": "delf"})
    with pytest.raises(CheckpointError, match="of the method 'delf', which is none of region_net, "):
        load_model(saved)


@pytest.mark.parametrize("change", [{"blocks": 2}, {"ffn": 99}])
def test_weights_that_do_not_fit_their_config(saved: Path, config: RegionNetConfig, change: dict) -> None:
    save_file(load_file(saved), saved, metadata={"config": json.dumps(asdict(replace(config, **change)))})
    with pytest.raises(
        CheckpointError, match="model.safetensors: weights do not fit its config; .*head.fusion.blocks"
    ):
        load_model(saved)


def test_a_failed_write_leaves_the_old_file(saved: Path, config: RegionNetConfig, monkeypatch) -> None:
    def fail(_, path: Path, **__) -> None:
        path.write_bytes(b"half")
        raise OSError("disk full")

    before = saved.read_bytes()
    monkeypatch.setattr("actret_core.models.checkpoint.save_file", fail)
    with pytest.raises(OSError, match="disk full"):
        save_model(saved, RegionNet(config))
    assert saved.read_bytes() == before
