import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from actret_core.cli import main as cli
from actret_core.experiments import sweep
from actret_core.errors import DataError
from actret_core.files import lock
from actret_core.experiments.record import read_record
from actret_core.experiments.run import Place, claim
from actret_core.experiments.sweep import listing, run_sweep, state
from actret_core.experiments.sweep import read_sweep
from actret_core.training.fit import OutOfTime

TINY = """
preset: demo
runs:
  - variant: tiny
    seeds: [0, 1]
    flip_too: true
    model: &model {image_size: 32, k: 3, blocks: 1, heads: 2, ffn: 16, hidden: 8, dropout: 0.1}
    train: &train {epochs: 3, batch_size: 12, mixup: 0.2, held_out: 0.34}
  - {variant: flip, model: {<<: *model, flip_test: true}, train: *train}
"""
KILLED = """
import os, signal, sys
import torch
from actret_core import cli
from actret_core.training.module import ActionModule
begin = ActionModule.on_train_batch_end
end = {"power": lambda: os._exit(9), "lease": lambda: os.kill(os.getpid(), signal.SIGTERM)}[sys.argv.pop(1)]
def power_cut(module, *given):
    begin(module, *given)
    if module.current_epoch == 1:
        end()
ActionModule.on_train_batch_end = power_cut
torch.set_num_threads(2)  # as in the tests: other sums, other last digits
cli.main(sys.argv[1:])
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.yaml").write_text(TINY)
    return tmp_path


@pytest.fixture
def place(playground: Path) -> Place:
    return Place("playground", playground, dim=4)


def test_it_trains_best_first_and_skips_what_is_recorded(
    home: Path, place: Place, playground: Path, capsys: pytest.CaptureFixture
) -> None:
    runs = read_sweep(home / "tiny.yaml")
    options = ["sweep", "tiny.yaml", "--data", str(playground), "--dim", "4"]
    cli.main(options)
    said = capsys.readouterr().out
    found = re.findall(r"(region_net-\S+): recorded, mAP \d+\.\d after 3 epochs", said)
    assert found == [run.stem for run in runs] and said.endswith("0 of 3 runs are left\n")
    assert not list(Path("runs").rglob("*.ckpt")) and not list(Path("runs").rglob("*.safetensors"))
    records = [read_record(place.record(run)) for run in runs]
    assert [(r.variant, r.seed) for r in records] == [("tiny", 0), ("tiny", 1), ("flip", 0)]
    assert all(r.embeddings_path(place.results).exists() and r.logits_path(place.results).exists() for r in records)
    assert records[0].extra["train_loss"] == records[2].extra["train_loss"], "a test-time part trains the same model"
    assert records[0].metrics != records[2].metrics
    too = read_record(place.results / "playground" / "region_net-tiny-flip-plus-seed0.json")
    assert too.metrics == records[2].metrics and too.config == records[2].config, "the same, without a second training"
    assert (too.tier, too.variant) == ("plus", "tiny-flip")
    cli.main(options)
    assert capsys.readouterr().out.count("recorded already") == 3


@pytest.mark.parametrize(("cause", "status", "word"), [
    ("power", 9, ""), ("lease", 1, "actret: told to stop; call again to go on after the last whole epoch\n"),
])
def test_a_killed_run_goes_on_to_the_same_record(
    cause: str, status: int, word: str, home: Path, place: Place, playground: Path
) -> None:
    """The process dies in the second epoch, without a chance to say anything, or with one."""
    (run,) = read_sweep(home / "tiny.yaml")[:1]
    perfect = Place("playground", playground, dim=4, runs=home / "other", results=home / "whole")
    sweep.perform(run, perfect, keep=True)
    assert (perfect.folder(run) / "model.safetensors").exists()
    command = [sys.executable, "-c", KILLED, cause, "sweep", "tiny.yaml", "--data", str(playground), "--dim", "4"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == status and done.stderr.endswith(word) and "Traceback" not in done.stderr
    assert state(run, place) == "begun" and not place.record(run).exists()
    assert run_sweep([run], place) == []
    found, expected = read_record(place.record(run)), read_record(perfect.record(run))
    assert found.metrics == expected.metrics and found.epochs == expected.epochs
    assert found.extra["train_loss"] == expected.extra["train_loss"] and len(found.extra["train_loss"]) == found.epochs


@pytest.fixture
def performed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the runs that are performed, which takes no time here."""
    done = []

    def perform(run, place, keep, deadline):
        done.append(run.stem)
        if run.seed == 1:
            raise DataError("something is absent")
        place.record(run).parent.mkdir(parents=True, exist_ok=True)
        place.record(run).write_text("{}")
        return type("Record", (), {"metrics": {"mAP": 12.34}, "epochs": 3})

    monkeypatch.setattr(sweep, "perform", perform)
    return done


def test_one_failure_does_not_hold_up_the_others(
    home: Path, performed: list[str], playground: Path, capsys: pytest.CaptureFixture
) -> None:
    names = [run.stem for run in read_sweep(home / "tiny.yaml")]
    with pytest.raises(SystemExit) as error:
        cli.main(["sweep", "tiny.yaml", "--data", str(playground)])
    assert error.value.code == f"actret: failed: {names[1]}; the lines above say why"
    assert performed == names
    said = capsys.readouterr().out
    assert f"{names[1]}: failed; something is absent" in said and "1 of 3 runs are left" in said


def test_another_process_s_run_is_left_alone(
    home: Path, place: Place, performed: list[str], capsys: pytest.CaptureFixture
) -> None:
    first, _, third = runs = read_sweep(home / "tiny.yaml")
    with claim(first, place) as mine, claim(third, place) as also:
        assert mine and also
        run_sweep(runs, place)
        assert performed == [runs[1].stem]
    assert capsys.readouterr().out.count("left alone, another process trains it") == 2
    with lock(place.folder(first).with_name(f"{first.stem}.lock"), wait=False) as free:
        assert free


def test_a_single_run_says_that_another_has_it(home: Path, place: Place, playground: Path) -> None:
    (run,) = read_sweep("rivals", "demo", 0)[:1]
    with claim(run, place), pytest.raises(SystemExit, match="another process trains this run; wait for it"):
        cli.main(["train", "--preset", "demo", "--data", str(playground)])


def test_the_list_says_what_is_left(
    home: Path, place: Place, performed: list[str], playground: Path, capsys: pytest.CaptureFixture
) -> None:
    runs = read_sweep(home / "tiny.yaml")
    run_sweep(runs[:1], place)
    (place.folder(runs[1]) / "pairs").mkdir(parents=True)
    (place.folder(runs[1]) / "pairs" / "last.ckpt").touch()
    capsys.readouterr()
    cli.main(["sweep", "tiny.yaml", "--data", str(playground), "--list"])
    states, count = zip(("recorded", "begun", "left"), runs, strict=True), "2 of 3 runs are left\n"
    assert capsys.readouterr().out == "".join(f"{word:10}{run.stem}\n" for word, run in states) + count
    assert len(performed) == 1 and listing(runs, place).endswith(count.strip())


def test_the_time_is_over_before_a_run(
    home: Path, place: Place, performed: list[str], capsys: pytest.CaptureFixture
) -> None:
    runs = read_sweep(home / "tiny.yaml")
    assert run_sweep(runs, place, minutes=0) == [] and not performed
    assert capsys.readouterr().out == f"the 0 minutes are over before {runs[0].stem}; call again to go on\n"


def test_the_time_is_over_between_two_epochs(
    home: Path, place: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    def stop(*_: object) -> None:
        raise OutOfTime("stopped after epoch 2 of 3; call again to go on")

    monkeypatch.setattr(sweep, "perform", stop)
    runs = read_sweep(home / "tiny.yaml")
    assert run_sweep(runs, place, minutes=5) == []
    said = f"{runs[0].stem}: the 5 minutes are over; stopped after epoch 2 of 3; call again to go on\n"
    assert capsys.readouterr().out == said


def test_a_budget_stops_a_real_run(home: Path, place: Place) -> None:
    """The deadline reaches the training, which then goes on where it was."""
    (run,) = read_sweep(home / "tiny.yaml")[:1]
    with pytest.raises(OutOfTime, match="stopped after epoch 1 of 3"):
        sweep.perform(run, place, deadline=0.0)
    assert state(run, place) == "begun"
    saved = json.loads((place.folder(run) / "config.json").read_text())
    assert saved["train"]["epochs"] == 3
