"""Each measurement has a process of its own."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.process import measure, peak_mb
from benchmarks.sample import write_sample
from benchmarks.suite import Case
from actret_core.retrieval import Embeddings


@pytest.fixture
def sample(source: Embeddings, tmp_path: Path) -> Path:
    return write_sample(source, tmp_path / "work", 200, 8)


def test_a_child_measures_and_its_peak_is_its_own(sample: Path) -> None:
    ballast = np.ones(2**27)                                          # 1 GB, which a child must not report
    found = measure("search", "flat", Case(200, 8), sample)
    assert peak_mb() > 1000 and ballast[-1] == 1
    assert 20 < found["start_mb"] <= found["peak_mb"] < 900
    assert found["recall@10"] == 1 and found["ms_per_query"] > 0 and json.dumps(found)


def test_the_peak_counts_what_was_held() -> None:
    before = peak_mb()
    held = np.ones(int((before + 100) * 2**17))                       # of 8 bytes: the old peak and 100 MB
    assert peak_mb() >= before + 99 and held[-1] == 1


def test_a_failing_child_leaves_a_note(sample: Path, capfd: pytest.CaptureFixture) -> None:
    assert measure("search", "flat", Case(200, 8), sample / "none") == {"note": "failed with status 1"}
    assert "No such file" in capfd.readouterr().err
