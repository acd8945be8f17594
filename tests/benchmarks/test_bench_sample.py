"""The vectors of a benchmark are the recorded ones, or like them."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.sample import QUERIES, orthonormal, read_sample, write_sample
from actret_core.errors import ConfigError
from actret_core.retrieval import Embeddings

RECORDED = Path(__file__).parents[2] / "results" / "stanford40" / "embeddings" / "region_net-cpu-seed0.npz"


def rows_and_labels(features: np.ndarray, labels: np.ndarray) -> list[tuple]:
    return sorted((*np.round(row, 5).tolist(), label) for row, label in zip(features, labels.tolist(), strict=True))


def test_as_many_as_recorded_are_the_recorded(source: Embeddings, tmp_path: Path) -> None:
    sample = read_sample(write_sample(source, tmp_path, len(source), 8))
    assert sample.features.dtype == sample.queries.dtype == np.float32
    assert rows_and_labels(sample.features, sample.labels) == rows_and_labels(source.normalized(), source.labels)
    few = read_sample(write_sample(source, tmp_path, 50, 8))
    assert set(rows_and_labels(few.features, few.labels)) < set(rows_and_labels(sample.features, sample.labels))


def test_more_are_drawn_and_all_have_unit_length(source: Embeddings, tmp_path: Path) -> None:
    sample = read_sample(write_sample(source, tmp_path, 25_000, 8))
    assert sample.features.shape == (25_000, 8) and sample.queries.shape == (QUERIES, 8)
    np.testing.assert_allclose(np.linalg.norm(sample.features, axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(sample.queries, axis=1), 1, rtol=1e-5)
    assert len(np.unique(sample.features, axis=0)) == 25_000
    drawn, recorded = (np.bincount(labels, minlength=6) / len(labels) for labels in (sample.labels, source.labels))
    np.testing.assert_allclose(drawn, recorded, atol=0.02)
    means = [np.stack([f[s == c].mean(axis=0) for c in (0, 2, 5)]) for f, s in
             ((sample.features, sample.labels), (source.normalized(), source.labels))]  # fmt: skip
    cosines = (means[0] * means[1]).sum(axis=1) / np.prod([np.linalg.norm(m, axis=1) for m in means], axis=0)
    assert (cosines > 0.98).all()                                     # each action lies where it lay


def test_a_seed_gives_the_same_and_is_drawn_once(source: Embeddings, tmp_path: Path) -> None:
    first = write_sample(source, tmp_path / "a", 300, 8, seed=1)
    again = write_sample(source, tmp_path / "b", 300, 8, seed=1)
    other = write_sample(source, tmp_path / "b", 300, 8, seed=2)
    names = sorted(path.name for path in first.iterdir())
    assert names == ["features.npy", "labels.npy", "queries.npy"]
    assert all((first / name).read_bytes() == (again / name).read_bytes() for name in names)
    assert all((first / name).read_bytes() != (other / name).read_bytes() for name in names)
    before = {name: (first / name).stat().st_mtime_ns for name in names}
    write_sample(source, tmp_path / "a", 300, 8, seed=1)
    assert before == {name: (first / name).stat().st_mtime_ns for name in names}
    (first / "queries.npy").unlink()                                  # as after an interruption
    write_sample(source, tmp_path / "a", 300, 8, seed=1)
    assert (first / "queries.npy").read_bytes() == (again / "queries.npy").read_bytes()


def test_more_dimensions_keep_every_distance(source: Embeddings, tmp_path: Path) -> None:
    wide = read_sample(write_sample(source, tmp_path, len(source), 30)).features
    narrow = source.normalized()
    assert wide.shape == (len(source), 30) and (wide != 0).all()
    np.testing.assert_allclose(np.sort(wide @ wide.T, axis=None), np.sort(narrow @ narrow.T, axis=None), atol=1e-5)
    turn = orthonormal(3, 5, np.random.default_rng(0))
    np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-6)
    with pytest.raises(ConfigError, match="dim=7: expected at least the 8 recorded"):
        write_sample(source, tmp_path, 10, 7)


def test_drawn_neighbors_are_as_far_as_recorded_ones(tmp_path: Path) -> None:
    """What DESCRIPTION claims: the k-th neighbor of the recorded embeddings, and of as many drawn ones."""
    recorded = Embeddings.load(RECORDED)
    points, drawn = recorded.normalized(), read_sample(write_sample(recorded, tmp_path, len(recorded) + 1, 256))
    gallery, queries = drawn.features[:-1], drawn.queries
    for k in (1, 10, 100):
        expected = np.median(np.partition(2 - 2 * points[:500] @ points.T, k, axis=1)[:, k])  # 0 is itself
        found = np.median(np.partition(2 - 2 * queries @ gallery.T, k - 1, axis=1)[:, k - 1])
        assert np.sqrt(found) == pytest.approx(np.sqrt(expected), rel=0.05), k
