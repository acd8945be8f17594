"""The share of the bare network's speed that training keeps: by the same network, batch and number of steps."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from benchmarks import steps
from benchmarks.__main__ import main
from benchmarks.steps import Steps, bare, by_fit
from benchmarks.suite import Case
from benchmarks.throughput import SUITE
from actret_core.data.store import Store
from actret_core.models.region_net import RegionNet

QUICK = Case(4, 32, {"network": "small", "warm": 1, "steps": 3, "each": 1})


@pytest.fixture
def photos(tmp_path: Path) -> Store:
    return steps.read(steps.draw(tmp_path, tmp_path, QUICK.n, QUICK.dim))


@pytest.mark.parametrize("program", [by_fit, bare])
def test_a_program_takes_all_steps_and_measures_the_middle(photos: Store, program: Callable) -> None:
    """One step to warm up, three that count, and the one at whose beginning the clock stops."""
    seen: list[bool] = []
    hook = nn.modules.module.register_module_forward_pre_hook(
        lambda module, _: seen.append(module.training) if isinstance(module, RegionNet) else None
    )
    try:
        measured, model = program(photos, QUICK)
    finally:
        hook.remove()
    assert seen == [True] * 5
    assert measured["images_per_s"] == pytest.approx(1000 / measured["ms_per_image"]) and measured["images_per_s"] > 0
    assert SUITE.quality(photos, QUICK, model)["parameters_m"] == pytest.approx(0.27, abs=0.05)


def test_the_median_stretch_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps 2 to 8 in three stretches of two, of 4, 40 and 6 seconds."""
    now = iter([100.0, 104.0, 144.0, 150.0])
    monkeypatch.setattr(time, "perf_counter", lambda: next(now))
    clock = Steps(2, 8, each=2)
    for _ in range(10):
        clock()
    assert clock.count == 10 and clock.times == [100.0, 104.0, 144.0, 150.0]
    measured = clock.measured(Case(8, 32))
    assert measured["images_per_s"] == pytest.approx(2 * 8 / 6) and measured["ms_per_image"] == pytest.approx(6000 / 16)
    assert measured["ms_per_image_mean"] == pytest.approx(1000 * 50 / 48)


def test_a_batch_for_a_gpu_waits_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    fit = SUITE.contenders["fit"]
    assert [bool(fit.refuses(case)) for case in SUITE.cases] == [False, False, True]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert not any(fit.refuses(case) for case in SUITE.cases)


def test_the_processes_of_other_suites_do_without_torch() -> None:
    """Their memory is measured, and is their own."""
    code = "import sys, benchmarks.process; sys.exit('lightning' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=120).returncode == 0


def test_the_command_records_both_and_their_ratio(tmp_path: Path, capfd: pytest.CaptureFixture) -> None:
    """No file of embeddings is asked for."""
    where = ["--embeddings", "none.npz", "--out", str(tmp_path / "out"), "--work", str(tmp_path / "work")]
    main(["throughput", "--quick", *where])
    printed = capfd.readouterr().out
    assert "| images a batch | pixels a side | settings | program | images_per_s | ms_per_image |" in printed
    lines = [line for line in printed.splitlines() if line.startswith("| 4 |")]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    assert [row[3] for row in rows] == ["fit", "bare network"] and rows[0][-1] == "1"
    assert float(rows[1][-1]) == pytest.approx(float(rows[1][5]) / float(rows[0][5]), rel=0.02)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["throughput-quick.json"]
