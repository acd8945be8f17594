import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import yaml

from actret_core.cli import main as cli
from actret_core.experiments.perform import perform
from actret_core.errors import ConfigError, DataError
from actret_core.models.methods import METHODS
from actret_core.experiments.record import RunRecord, read_record
from actret_core.experiments.run import Place, Run, claimed
from actret_core.experiments.sweep import SHIPPED, listing, obstacles, read_sweep, run_sweep, shipped, state
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
from pathlib import Path
import torch
from actret_core.cli.exits import terminable
from actret_core.experiments.run import Place
from actret_core.experiments.sweep import read_sweep, run_sweep
from actret_core.training.module import ActionModule
begin = ActionModule.on_train_batch_end
end = {"power": lambda: os._exit(9), "lease": lambda: os.kill(os.getpid(), signal.SIGTERM)}[sys.argv[1]]
def power_cut(module, *given):
    begin(module, *given)
    if module.current_epoch == 1:
        end()
ActionModule.on_train_batch_end = power_cut
torch.set_num_threads(int(sys.argv[3]))  # as in the tests: other sums, other last digits
with terminable():
    run_sweep(read_sweep("tiny.yaml"), Place("playground", Path(sys.argv[2]), dim=4))
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


@pytest.mark.slow
@pytest.mark.parametrize(("cause", "status", "word"), [
    ("power", 9, ""), ("lease", 1, "actret: told to stop; call again to resume after the last whole epoch\n"),
])
def test_a_killed_run_goes_on_to_the_same_record(
    cause: str, status: int, word: str, home: Path, place: Place, playground: Path
) -> None:
    """The process dies in the second epoch, without a chance to say anything, or with one."""
    (run,) = read_sweep(home / "tiny.yaml")[:1]
    perfect = Place("playground", playground, dim=4, runs=home / "other", results=home / "whole")
    perform(run, perfect, keep=True)
    assert (perfect.folder(run) / "model.safetensors").exists()
    command = [sys.executable, "-c", KILLED, cause, str(playground), str(torch.get_num_threads())]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == status and done.stderr.endswith(word) and "Traceback" not in done.stderr
    assert state(run, place) == "begun" and not place.record(run).exists()
    assert run_sweep([run], place) == []
    found, expected = read_record(place.record(run)), read_record(perfect.record(run))
    assert found.metrics == expected.metrics and found.epochs == expected.epochs
    assert found.extra["train_loss"] == expected.extra["train_loss"] and len(found.extra["train_loss"]) == found.epochs


def write_record(run: Run, place: Place) -> None:
    """A record of nothing, as short as `read_record` allows."""
    RunRecord(
        place.dataset, run.method, run.preset.tier, run.preset.train.seed, {}, {}, 3, 0.0, "", {}, "", {}, run.variant
    ).write(place.results)


class Performed:
    """Stands in for `perform`: takes no time, fails for seed 1, and remembers the names of its runs."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def __call__(self, run: Run, place: Place, keep: bool, deadline: float) -> SimpleNamespace:
        self.names.append(run.stem)
        if run.preset.train.seed == 1:
            raise DataError("something is absent")
        write_record(run, place)
        return SimpleNamespace(metrics={"mAP": 12.34}, epochs=3)


def test_one_failure_does_not_hold_up_the_others(
    home: Path, place: Place, capsys: pytest.CaptureFixture
) -> None:
    runs, performed = read_sweep(home / "tiny.yaml"), Performed()
    names = [run.stem for run in runs]
    assert run_sweep(runs, place, perform=performed) == [names[1]] and performed.names == names
    said = capsys.readouterr().out
    assert f"{names[1]}: failed; something is absent" in said
    assert f"{names[2]}: recorded, mAP 12.3 after 3 epochs" in said
    assert listing(runs, place).endswith("1 of 3 runs are left")


def test_another_process_s_run_is_left_alone(home: Path, place: Place, capsys: pytest.CaptureFixture) -> None:
    first, _, third = runs = read_sweep(home / "tiny.yaml")
    performed = Performed()
    with claimed(first, place) as mine, claimed(third, place) as also:
        assert mine and also
        run_sweep(runs, place, perform=performed)
        assert performed.names == [runs[1].stem]
    assert capsys.readouterr().out.count("skipped, another process trains it") == 2


def test_the_list_says_what_is_left(home: Path, place: Place, playground: Path, capsys: pytest.CaptureFixture) -> None:
    runs = read_sweep(home / "tiny.yaml")
    run_sweep(runs[:1], place, perform=Performed())
    (place.folder(runs[1]) / "pairs").mkdir(parents=True)
    (place.folder(runs[1]) / "pairs" / "last.ckpt").touch()
    states = zip(("recorded", "begun", "left"), runs, strict=True)
    expected = "".join(f"{word:10}{run.stem}\n" for word, run in states) + "2 of 3 runs are left"
    assert listing(runs, place) == expected
    capsys.readouterr()
    cli.main(["sweep", "tiny.yaml", "--data", str(playground), "--list"])
    assert capsys.readouterr().out == expected + "\n"


def test_a_record_cut_short_is_none(home: Path, place: Place, capsys: pytest.CaptureFixture) -> None:
    """Else the run would be taken for recorded for good, and every table with it would fail."""
    (run,) = read_sweep(home / "tiny.yaml")[:1]
    write_record(run, place)
    whole = place.record(run).read_text()
    assert state(run, place) == "recorded"
    for part in ("", "{}", whole[: len(whole) // 2]):
        place.record(run).write_text(part)
        with pytest.warns(UserWarning, match=f"{run.stem}.json: .*record the run again.*it counts as not recorded"):
            assert state(run, place) == "left"
    with pytest.warns(UserWarning):
        run_sweep([run], place, perform=Performed())
    assert state(run, place) == "recorded"


def test_the_list_says_what_cannot_run(
    home: Path, place: Place, playground: Path, capsys: pytest.CaptureFixture
) -> None:
    runs = read_sweep(home / "tiny.yaml")
    assert obstacles(runs, place) == {}
    write_record(runs[0], place)
    (home / "runs").touch()
    cli.main(["sweep", "tiny.yaml", "--data", str(playground), "--list"])
    recorded, *others, count = capsys.readouterr().out.splitlines()
    assert recorded == f"recorded  {runs[0].stem}" and count == "2 of 3 runs are left"
    why = f"cannot run: runs='runs': expected another folder; {home / 'runs'} cannot be written to"
    assert others == [f"left      {run.stem}; {why}" for run in runs[1:]]
    assert set(obstacles(runs, replace(place, data=home / "nowhere"))) == {run.stem for run in runs[1:]}


def test_the_time_is_over_before_a_run(home: Path, place: Place, capsys: pytest.CaptureFixture) -> None:
    runs, performed = read_sweep(home / "tiny.yaml"), Performed()
    assert run_sweep(runs, place, minutes=0, perform=performed) == [] and not performed.names
    assert capsys.readouterr().out == f"the 0 minutes are over before {runs[0].stem}; call again to resume\n"


def test_the_time_is_over_between_two_epochs(home: Path, place: Place, capsys: pytest.CaptureFixture) -> None:
    def stop(*_: object) -> None:
        raise OutOfTime("stopped after epoch 2 of 3; call again to resume")

    runs = read_sweep(home / "tiny.yaml")
    assert run_sweep(runs, place, minutes=5, perform=stop) == []
    said = f"{runs[0].stem}: the 5 minutes are over; stopped after epoch 2 of 3; call again to resume\n"
    assert capsys.readouterr().out == said


def test_a_budget_stops_a_real_run(home: Path, place: Place) -> None:
    """The deadline reaches the training, which resumes where it was."""
    (run,) = read_sweep(home / "tiny.yaml")[:1]
    with pytest.raises(OutOfTime, match="stopped after epoch 1 of 3"):
        perform(run, place, deadline=0.0)
    assert state(run, place) == "begun"
    saved = json.loads((place.folder(run) / "config.json").read_text())
    assert saved["train"]["epochs"] == 3


@pytest.fixture
def file(tmp_path: Path):
    def write(text: str) -> Path:
        path = tmp_path / "mine.yaml"
        path.write_text(text)
        return path

    return write


def test_runs_come_in_their_order_seed_by_seed(file) -> None:
    runs = read_sweep(file("""
preset: demo
runs:
  - {method: delg}
  - {seeds: [2, 0], variant: wide, model: {ffn: 8}, train: {milestones: [3, 5], schedule: multistep}}
  - {preset: full, variant: ag, model: {features: ag}}
"""))
    assert [run.stem for run in runs] == [
        "delg-demo-seed0", "region_net-wide-demo-seed2", "region_net-wide-demo-seed0", "region_net-ag-full-seed0",
    ]
    assert runs[1].preset.model.ffn == 8 and runs[1].preset.train.milestones == (3, 5)


def test_preset_and_seed_may_be_others(file) -> None:
    text = "preset: reduced\nruns: [{method: delg}, {method: token, preset: full, seeds: [0, 1]}]"
    runs = read_sweep(file(text), preset="demo", seed=4)
    assert [run.stem for run in runs] == ["delg-demo-seed4", "token-full-seed4"]


WRONG = [
    ("runs: [{}]\nprest: full", "the file: Sweep has no field 'prest'; did you mean 'preset'?"),
    ("runs: [{}, {sede: [1]}]", "run 2: Row has no field 'sede'; did you mean 'seeds'?"),
    ("runs: [{variant: x, model: {blcks: 2}}]", "run 1: RegionNetConfig has no field 'blcks'; did you mean 'blocks'?"),
    ("runs: [{variant: x, train: {epoch: 2}}]", "run 1: TrainConfig has no field 'epoch'; did you mean 'epochs'?"),
    ("runs: [{variant: x, model: {blocks: 0}}]", "run 1: blocks=0: expected at least 1"),
    ("runs: [{variant: x, model: {blocks: four}}]", "run 1: blocks='four': expected a whole number"),
    ("runs: [{variant: x, model: {blocks: '6'}}]", "run 1: blocks='6': expected a whole number"),
    ("runs: [{variant: x, train: {lr: true}}]", "run 1: lr=True: expected a number"),
    ("runs: [{model: {blocks: 2}}]", "run 1: variant='': expected a name for what differs"),
    ("runs: [{method: resnet}]", "run 1: method='resnet': expected one of region_net"),
    ("runs: [{preset: fast}]", "run 1: preset='fast': expected one of"),
    ("runs: [{seeds: 3}]", "run 1: seeds=3: expected a list"),
    ("runs: [{seeds: [a]}]", "run 1: seeds[0]='a': expected a whole number"),
    ("runs: [{seeds: []}]", "run 1: seeds=(): expected a list of whole numbers"),
    ("runs: [{variant: x, model: [2]}]", "run 1: model=(2,): expected keys and values"),
    ("runs: [delg]", "run 1: 'delg': expected keys and values"),
    ("runs: []", "the file: runs=(): expected a list with a run or more"),
    ("- 1", "the file: [1]: expected keys and values"),
    ("runs: [{}, {seeds: [1, 0]}]", "region_net-full-seed0 stands twice; give one of them a `variant`"),
    ("runs: [", "not a readable sweep"),
]


@pytest.mark.parametrize(("text", "message"), WRONG)
def test_a_mistake_names_the_file_the_run_and_the_key(file, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)) as error:
        read_sweep(file(text))
    assert "mine.yaml" in str(error.value)


def test_an_absent_file_names_those_that_there_are(tmp_path: Path) -> None:
    known = "one of full, plus, plus_cpu, plus_frozen, rivals"
    with pytest.raises(ConfigError, match=rf"none.yaml: not a readable sweep .* {known}"):
        read_sweep(tmp_path / "none.yaml")


def parts(runs: list[Run]) -> set[str]:
    return {run.variant for run in runs if run.method == "region_net"}


def test_the_full_sweep_begins_with_the_paper_and_has_all_tables() -> None:
    runs = read_sweep("full")
    assert [run.stem for run in runs[:3]] == [f"region_net-full-seed{seed}" for seed in range(3)]
    assert {run.method for run in runs} == set(METHODS)
    assert {"gl", "al", "ag", "mean", "no_position", "no_type", "no_embedding"} <= parts(runs)
    assert {run.preset.model.blocks for run in runs if run.method == "region_net"} == {1, 2, 3, 4, 6}
    assert all(run.preset.tier == "full" for run in runs)


def test_the_rivals_are_all_methods_under_any_preset() -> None:
    for preset in ("reduced", "full", "cpu", "demo"):
        runs = read_sweep("rivals", preset, 1)
        assert {run.method for run in runs} == set(METHODS) and len(runs) == len(METHODS) + 1
        assert {run.preset.train.seed for run in runs} == {1} and all(run.stem.endswith("seed1") for run in runs)
    assert read_sweep("rivals")[-1].stem == "strong_reid-reduced-person-cpu-seed0"


@pytest.mark.parametrize(("name", "tier"), [("plus", "full"), ("plus_cpu", "cpu"), ("plus_frozen", "cpu")])
def test_each_part_of_plus_stands_beside_the_setting_that_it_is_added_to(name: str, tier: str) -> None:
    """With the same seeds; and what stands together stands alone, too."""
    rows = yaml.safe_load((SHIPPED / f"{name}.yaml").read_text())["runs"]
    base, parts = [row for row in rows if "variant" not in row], {r["variant"]: r for r in rows if "variant" in r}
    runs = read_sweep(name)
    assert {run.preset.tier for run in runs[: len(base[0]["seeds"])]} == {tier} and base[0]["flip_too"]
    assert all(row["seeds"] == base[0]["seeds"] for row in rows)
    assert {run.preset.tier for run in runs[len(base[0]["seeds"]) :]} == {"plus"}

    def changes(row: dict) -> list:
        return [*row.get("model", {}).items(), *row.get("train", {}).items()]

    alone = [change for name, row in parts.items() if name != "all" for change in changes(row)]
    assert all(changes(row) for row in parts.values())
    assert all(change in [*alone, ("flip_test", True)] for change in changes(parts["all"]))


def test_every_shipped_sweep_is_readable() -> None:
    assert shipped() == ["full", "plus", "plus_cpu", "plus_frozen", "rivals"]
    for name in shipped():
        assert read_sweep(name)
