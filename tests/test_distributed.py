"""Two processes on the CPU, as torchrun starts them, beside one."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from two_processes import Small, stepped, tiny

from actret_core import distributed as parallel
from actret_core.errors import ConfigError
from actret_core.distributed import (
    average, average_gradients, first_alone, from_first, join_batches, on_first, rank, world,
)
from actret_core.experiments.score import record_run
from actret_core.experiments.record import read_record
from actret_core.training.embed import embed
from actret_core.training.fit import FitResult

HERE = Path(__file__).parent
TINY = """
preset: demo
runs:
  - variant: tiny
    model: {image_size: 32, k: 3, blocks: 1, heads: 2, ffn: 16, hidden: 8}
    train: {epochs: 2, batch_size: 12, held_out: 0.34, ema: 0.5}
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("two")
    (folder / "tiny.yaml").write_text(TINY)
    return folder


@pytest.fixture(scope="module")
def said(home: Path, playground: Path) -> str:
    """What `two_processes.py` prints under torchrun: two processes, each on one thread."""
    path = os.pathsep.join([str(HERE.parent), str(HERE), *filter(None, sys.path)])
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    command = [*launch, str(HERE / "two_processes.py"), str(playground), str(home / "tiny.yaml"), str(home)]
    done = subprocess.run(command, cwd=home, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def both(home: Path, said: str) -> list[dict[str, Any]]:
    """What each of the two processes has written."""
    return [torch.load(home / f"rank{i}.pt", weights_only=False) for i in range(2)]


@pytest.mark.slow
def test_gathered_embeddings_and_metrics_are_those_of_one_process(
    both: list[dict[str, Any]], home: Path, playground: Path, tmp_path: Path
) -> None:
    """24 test images in batches of five: neither batches nor images divide by two, and nothing is padded."""
    data, run, model = tiny(playground, home / "tiny.yaml")
    alone = embed(model, data.dataset(data.evaluation, run.preset.model), 5, progress=False)
    record = record_run(data, run, model, FitResult(0, 0.0), tmp_path, dim=4)
    for found in both:
        assert found["features"].shape == alone.features.shape == (len(data.evaluation), model.embedding_dim)
        torch.testing.assert_close(torch.from_numpy(found["features"]), torch.from_numpy(alone.features))
        torch.testing.assert_close(torch.from_numpy(found["logits"]), torch.from_numpy(alone.logits))
        for name in ("mAP", "rank1", "rank5", "recognition_mAP"):
            assert found["metrics"][name] == pytest.approx(record.metrics[name], abs=1e-6)


@pytest.mark.slow
def test_one_step_is_that_of_the_joined_batch(both: list[dict[str, Any]], tmp_path: Path) -> None:
    alone = stepped(tmp_path)
    fresh = Small().state_dict()
    moved = [name for name in fresh if not torch.equal(fresh[name], alone[name])]
    assert {"conv.weight", "bn.weight", "linear.weight"} <= set(moved) and "unused" not in moved
    for found in both:
        for name, value in alone.items():
            torch.testing.assert_close(found["step"][name], value, rtol=0, atol=1e-5)


@pytest.mark.slow
def test_both_end_with_the_same_weights_and_result(both: list[dict[str, Any]]) -> None:
    first, second = both
    assert first["epochs"] == second["epochs"] == 2 and first["losses"] == second["losses"] and first["losses"]
    assert all(torch.equal(first["trained"][name], value) for name, value in second["trained"].items())


@pytest.mark.slow
def test_only_the_first_writes_a_record(both: list[dict[str, Any]], home: Path) -> None:
    assert both[0]["metrics"] == both[1]["metrics"]
    assert list((home / "results0").rglob("*.json")) and not (home / "results1").exists()


@pytest.mark.slow
def test_a_sweep_under_torchrun(said: str, home: Path) -> None:
    """By the command line: one record, no checkpoint that stays, one line."""
    assert said.count("region_net-tiny-demo-seed0: recorded, mAP") == 1
    assert said.count("0 of 1 runs are left") == 1
    assert read_record(home / "swept" / "playground" / "region_net-tiny-demo-seed0.json").epochs == 2
    assert not list((home / "work").rglob("*.ckpt"))


def test_alone_everything_is_plain() -> None:
    assert (world(), rank(), from_first("x"), on_first(lambda: "y")) == (1, 0, "x", "y")
    weight = torch.nn.Parameter(torch.ones(2))
    average([weight]), average_gradients([weight])
    assert weight.tolist() == [1, 1] and weight.grad is None
    assert join_batches([torch.ones(2, 3), torch.zeros(1, 3)], 3, 2).shape == (3, 3)
    with first_alone():
        pass


def test_more_processes_than_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_RANK", "2")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "3")
    monkeypatch.setattr(parallel.dist, "is_torchelastic_launched", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(ConfigError, match="nproc_per_node='3': expected at most the 2 GPUs"), parallel.processes():
        pass
