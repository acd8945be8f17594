"""What the options of `train` and `sweep` ask for; training itself is tested with the package."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from actret_core.cli import main as cli
from actret_core.cli.runs import _asked_run
from actret_core.experiments.record import read_record

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(("words", "variant", "changes"), [
    (("region_net", "demo", 1, "agl", False), "", {}),
    (("region_net", "demo", 1, "ag", False), "ag", {"features": "ag"}),
    (("strong_reid", "demo", 1, "agl", True), "person", {"crop": True}),
])
def test_what_differs_from_the_preset_is_in_the_name(words: tuple, variant: str, changes: dict) -> None:
    run = _asked_run(*words)
    assert (run.method, run.seed, run.variant) == (words[0], 1, variant)
    assert run.stem == "-".join(filter(None, (words[0], variant, "demo-seed1")))
    model = run.resolve().model
    assert {name: getattr(model, name) for name in changes} == changes


def test_train_records_a_run_once(
    tmp_path: Path, playground: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    where = ["--data", str(playground), "--runs", "folder", "--results", "records", "--dim", "32"]
    words = ["train", *where, "--preset", "demo", "--features", "g", "--seed", "1"]
    cli.main(words)
    printed = capsys.readouterr().out
    record = read_record(tmp_path / "records" / "playground" / "region_net-g-demo-seed1.json")
    assert json.loads(printed[printed.index("{\n") :]) == dict(record.metrics)
    assert (tmp_path / "folder" / "playground" / "region_net-g-demo-seed1" / "model.safetensors").exists()
    cli.main([*words, "--once"])
    assert capsys.readouterr().out == "region_net-g-demo-seed1: recorded already\n"


def test_sweep_lists_what_a_preset_and_a_seed_leave(
    playground: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    cli.main(["sweep", "rivals", "--preset", "demo", "--seed", "7", "--data", str(playground), "--list"])
    *lines, count = capsys.readouterr().out.splitlines()
    assert all(line.startswith("left") and line.endswith("-demo-seed7") for line in lines)
    assert count == f"{len(lines)} of {len(lines)} runs are left"


def test_ctrl_c_in_a_training_is_status_130(playground: Path, tmp_path: Path) -> None:
    """Lightning catches the signal itself, and would end with 1."""
    words = ["-m", "actret_core", "train", "--data", str(playground), "--preset", "demo"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    with subprocess.Popen([sys.executable, *words], cwd=tmp_path, env=environment, text=True, **pipes) as process:
        while process.poll() is None and not list((tmp_path / "runs").rglob("last.ckpt")):
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=60)[1]
    assert process.returncode == 130 and said.endswith("interrupted\n") and "Traceback" not in said
