"""What the options of `train` and `sweep` ask for; training itself is tested with the package."""

from pathlib import Path

import pytest

from actret_core.cli import main as cli
from actret_core.cli.runs import _asked_run
from actret_core.experiments.record import RunRecord


@pytest.mark.parametrize(("words", "variant", "changes"), [
    (("region_net", "demo", 1, "agl", False), "", {}),
    (("region_net", "demo", 1, "ag", False), "ag", {"features": "ag"}),
    (("strong_reid", "demo", 1, "agl", True), "person", {"crop": True}),
])
def test_what_differs_from_the_preset_is_in_the_name(words: tuple, variant: str, changes: dict) -> None:
    run = _asked_run(*words)
    assert (run.method, run.preset.train.seed, run.variant) == (words[0], 1, variant)
    assert run.stem == "-".join(filter(None, (words[0], variant, "demo-seed1")))
    assert {name: getattr(run.preset.model, name) for name in changes} == changes


def test_train_leaves_a_recorded_run_alone_when_asked_to(
    tmp_path: Path, playground: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    """All options that name the record arrive: otherwise it would train for a minute, and print metrics."""
    monkeypatch.chdir(tmp_path)
    RunRecord("playground", "region_net", "demo", 1, {}, {}, 8, 0.0, "", {}, "", {}, "g").write("records")
    words = ["--data", str(playground), "--preset", "demo", "--features", "g", "--seed", "1", "--results", "records"]
    cli.main(["train", *words, "--once"])
    assert capsys.readouterr().out == "region_net-g-demo-seed1: recorded already\n"


def test_sweep_lists_what_a_preset_and_a_seed_leave(
    playground: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    cli.main(["sweep", "rivals", "--preset", "demo", "--seed", "7", "--data", str(playground), "--list"])
    *lines, count = capsys.readouterr().out.splitlines()
    assert all(line.startswith("left") and line.endswith("-demo-seed7") for line in lines)
    assert count == f"{len(lines)} of {len(lines)} runs are left"
