"""What the benchmark's page shows is run: its code, its command, its output, its numbers."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from actret_core.cli import main as cli
from actret_core.retrieval.protocol import load_protocol
from actret_core.experiments.benchmark import build_protocol
from actret_core.experiments.benchmark import read_submission

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "book" / "benchmark.md").read_text()
NUMBER = re.compile(r"[+-]?\d+\.\d+")


def _blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.S)


def test_the_code_for_a_model_of_ones_own_writes_what_the_command_reads(
    playground: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code = _blocks("python")[0].replace("path/to/stanford40", str(playground))
    assert str(playground) in code and len(code.splitlines()) <= 10
    exec(code, {"my_model": lambda image, box: [*box, *image.size, 1.0]})  # noqa: S102
    protocol = build_protocol("stanford40", playground)
    entry = read_submission(tmp_path / "theirs.npz", protocol)
    assert entry.features.shape == (len(protocol.ids), 7) and entry.ids.tolist() == list(protocol.ids)


def test_the_example_prints_what_the_page_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    """Up to the last digit shown: another processor may round otherwise."""
    (tmp_path / "results").symlink_to(ROOT / "results")
    monkeypatch.chdir(tmp_path)
    exec(_blocks("python")[1], {})                                    # noqa: S102
    command = next(line for line in _blocks("bash") if "first64.npz" in line)
    cli.main(shlex.split(command)[1:])                                # after actret
    printed, (shown,) = capsys.readouterr().out, _blocks("text")
    assert NUMBER.sub("0", printed) == NUMBER.sub("0", shown)
    numbers = [np.array(NUMBER.findall(text), dtype=float) for text in (printed, shown)]
    np.testing.assert_allclose(*numbers, atol=0.11)


@pytest.mark.parametrize("name", ["stanford40", "voc2012"])
def test_the_rules_state_the_protocols_numbers(name: str) -> None:
    protocol = load_protocol(name)
    rows = [line.strip("| ").split(" | ") for line in PAGE.splitlines() if line.startswith("| ")]
    head, column = next((r, i) for r in rows for i, cell in enumerate(r) if cell.startswith(f"`{name}`, version"))
    table = {r[0]: r[column + 1] for r in rows if len(r) == 3}
    assert head[column].endswith(f"version {protocol.version}")
    assert re.findall(r"\d+", table["to learn from"])[-1] == str(len(protocol.train_ids))
    counts = [len(protocol.ids), *filter(None, [sum(not labels for labels in protocol.labels)])]
    assert re.findall(r"\d+", table["query set and gallery"]) == [str(count) for count in counts]
    assert f"`{protocol.ids[0]}`" in table["an id is"]
