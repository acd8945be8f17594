import re
from pathlib import Path

import pytest

from actret_core.errors import ConfigError
from actret_core.models.methods import METHODS
from actret_core.experiments.run import Run
from actret_core.experiments.sweep import read_sweep, shipped


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
    assert runs[1].resolve().model.ffn == 8 and runs[1].resolve().train.milestones == (3, 5)


def test_preset_and_seed_may_be_others(file) -> None:
    text = "preset: reduced\nruns: [{method: delg}, {method: token, preset: full, seeds: [0, 1]}]"
    runs = read_sweep(file(text), preset="demo", seed=4)
    assert [run.stem for run in runs] == ["delg-demo-seed4", "token-full-seed4"]


WRONG = [
    ("runs: [{}]\nprest: full", "the file: SweepFile has no field 'prest'; did you mean 'preset'?"),
    ("runs: [{}, {sede: [1]}]", "run 2: Entry has no field 'sede'; did you mean 'seeds'?"),
    ("runs: [{variant: x, model: {blcks: 2}}]", "run 1: RegionNetConfig has no field 'blcks'; did you mean 'blocks'?"),
    ("runs: [{variant: x, train: {epoch: 2}}]", "run 1: TrainConfig has no field 'epoch'; did you mean 'epochs'?"),
    ("runs: [{variant: x, model: {blocks: 0}}]", "run 1: blocks=0: expected at least 1"),
    ("runs: [{variant: x, model: {blocks: four}}]", "run 1: "),
    ("runs: [{model: {blocks: 2}}]", "run 1: variant='': expected a name for what differs"),
    ("runs: [{method: resnet}]", "run 1: method='resnet': expected one of region_net"),
    ("runs: [{preset: fast}]", "run 1: preset='fast': expected one of"),
    ("runs: [{seeds: 3}]", "run 1: seeds=3: expected a list of whole numbers"),
    ("runs: [{seeds: [a]}]", "run 1: seeds=('a',): expected a list of whole numbers"),
    ("runs: [{seeds: []}]", "run 1: seeds=(): expected a list of whole numbers"),
    ("runs: [{variant: x, model: [2]}]", "run 1: model=(2,): expected fields of the config"),
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
    with pytest.raises(ConfigError, match=r"none.yaml: not a readable sweep .* one of full, plus, plus_cpu, plus_frozen, rivals"):
        read_sweep(tmp_path / "none.yaml")


def parts(runs: list[Run]) -> set[str]:
    return {run.variant for run in runs if run.method == "region_net"}


def test_the_full_sweep_begins_with_the_paper_and_has_all_tables() -> None:
    runs = read_sweep("full")
    assert [run.stem for run in runs[:3]] == [f"region_net-full-seed{seed}" for seed in range(3)]
    assert {run.method for run in runs} == set(METHODS)
    assert {"gl", "al", "ag", "mean", "no_position", "no_type", "no_embedding"} <= parts(runs)
    assert {run.resolve().model.blocks for run in runs if run.method == "region_net"} == {1, 2, 3, 4, 6}
    assert all(run.resolve().tier == "full" for run in runs)


def test_the_rivals_are_all_methods_under_any_preset() -> None:
    for preset in ("reduced", "full", "cpu", "demo"):
        runs = read_sweep("rivals", preset, 1)
        assert {run.method for run in runs} == set(METHODS) and len(runs) == len(METHODS) + 1
        assert {run.seed for run in runs} == {1} and all(run.stem.endswith("seed1") for run in runs)
    assert read_sweep("rivals")[-1].stem == "strong_reid-reduced-person-cpu-seed0"


@pytest.mark.parametrize(("name", "tier"), [("plus", "full"), ("plus_cpu", "cpu"), ("plus_frozen", "cpu")])
def test_each_part_of_plus_stands_beside_the_setting_that_it_is_added_to(name: str, tier: str) -> None:
    """With the same seeds; and what stands together stands alone, too."""
    runs = read_sweep(name)
    base = [run for run in runs if not run.variant]
    assert {run.resolve().tier for run in base} == {tier} and all(run.flip_too for run in base)
    parts = {run.variant: run for run in runs if run.variant}
    assert {(run.variant, run.seed) for run in runs} == {(v, run.seed) for v in ("", *parts) for run in base}
    assert all(run.resolve().tier == "plus" and (run.model or run.train) for run in parts.values())
    alone = [(key, value) for name, run in parts.items() if name != "all"
             for key, value in [*run.model.items(), *run.train.items(), ("flip_test", True)]]
    every = parts["all"]
    assert all(item in alone for item in [*every.model.items(), *every.train.items()])


def test_every_shipped_sweep_is_readable() -> None:
    assert shipped() == ["full", "plus", "plus_cpu", "plus_frozen", "rivals"]
    for name in shipped():
        assert read_sweep(name)
