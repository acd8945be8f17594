"""A small set of recorded embeddings to draw around."""

from pathlib import Path

import numpy as np
import pytest

from actret_core.retrieval import Embeddings


@pytest.fixture
def source() -> Embeddings:
    """120 vectors of 8 dimensions in three actions, with gaps between the labels, and of any length."""
    rng = np.random.default_rng(0)
    labels = rng.choice([0, 2, 5], 120)
    features = rng.standard_normal((120, 8)) + 2 * rng.standard_normal((6, 8))[labels]
    return Embeddings(features, labels, np.arange(120))


@pytest.fixture
def source_file(source: Embeddings, tmp_path: Path) -> Path:
    """The same as a file."""
    source.save(tmp_path / "source.npz")
    return tmp_path / "source.npz"
