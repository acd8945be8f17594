"""`evaluate` and `protocol`."""

from pathlib import Path

import numpy as np
import pytest

from actret_core.cli import main as cli
from actret_core.retrieval.protocol import read_protocol

RUN = Path(__file__).parents[2] / "results" / "stanford40" / "region_net-cpu-seed0.json"
EMBEDDINGS = RUN.parent / "embeddings" / f"{RUN.stem}.npz"
STANFORD40 = ["--dataset", "stanford40"]


@pytest.fixture(autouse=True)
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of one's own to run in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_evaluate_prints_a_row_and_the_paired_test(capsys: pytest.CaptureFixture) -> None:
    cli.main(["evaluate", str(EMBEDDINGS), *STANFORD40, "--no-rerank", "--name", "mine", "--against", str(RUN)])
    header, rule, row, blank, about, test = capsys.readouterr().out.splitlines()
    assert row.startswith("| mine | 66.2 [65.3, 67.0] | 79.4 | 90.4 | not run |") and header.startswith("| method |")
    assert set(rule) == {"|", "-"} and blank == "" and "protocol version 1: 5532 queries" in about
    assert test == "Against region_net-cpu-seed0: mAP +0.00 [+0.00, +0.00], p = 1.0000"


def test_evaluate_passes_the_settings_of_reranking_on(at_home: Path, capsys: pytest.CaptureFixture) -> None:
    """On eight dimensions, so that it is quick; the defaults are held to the page of the benchmark."""
    recorded = np.load(EMBEDDINGS)
    np.savez("few.npz", features=recorded["features"][:, :8], ids=recorded["ids"])
    settings = ["--k1", "10", "--k2", "3", "--lambda", "0.1", "--variant", "single"]
    cli.main(["evaluate", "few.npz", *STANFORD40, *settings])
    header, rule, row, blank, about = capsys.readouterr().out.splitlines()
    assert row.startswith("| few | ") and "not run" not in row
    assert about.endswith("Re-ranking: single, k1 = 10, k2 = 3, lambda = 0.1.")


def test_protocol_says_whether_it_is_ours(at_home: Path, playground: Path, capsys: pytest.CaptureFixture) -> None:
    cli.main(["protocol", *STANFORD40, "--data", str(playground)])
    said = capsys.readouterr().out
    assert said.startswith("stanford40-v1.json.gz: ") and "NOT the same as" in said
    assert read_protocol(at_home / "stanford40-v1.json.gz").train_ids


def test_protocol_rebuilds_ours_from_the_real_data(real_data: Path, capsys: pytest.CaptureFixture) -> None:
    cli.main(["protocol", *STANFORD40, "--data", str(real_data / "stanford40"), "--out", "mine.json.gz"])
    assert capsys.readouterr().out.startswith("mine.json.gz: 5532 samples, the same as")
