import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.spatial.distance import cdist

from actret_core.retrieval.reranking import exact
from actret_core.retrieval.embeddings import unit_vectors
from actret_core.retrieval.reranking.point_distances import HeldDistances, StreamedDistances


@pytest.fixture(params=["held", "streamed", "streamed, by FAISS"])
def make(request, monkeypatch):
    monkeypatch.setattr("actret_core.retrieval.threads.CHUNK_ELEMENTS", 60)
    if request.param == "streamed, by FAISS":
        monkeypatch.setattr(exact, "MARGIN", 2)
    return HeldDistances if request.param == "held" else lambda unit: StreamedDistances(unit, limit=60)


def test_every_answer_equals_the_matrix_of_scipy(points, make):
    unit = unit_vectors(points)
    expected = cdist(unit, unit, "sqeuclidean")
    farthest = expected.max(axis=1, keepdims=True)
    expected /= np.where(farthest > 1e-12, farthest, 1)
    distances, n = make(unit), len(unit)
    found, values = distances.neighbors(5)
    ordered = np.argsort(expected.round(6), axis=1, kind="stable")[:, :5]  # rounded, so that equal points tie
    np.testing.assert_array_equal(found, ordered)
    np.testing.assert_allclose(values, np.take_along_axis(expected, found, axis=1), atol=2e-6)
    rows, columns = np.random.default_rng(0).integers(0, n, (2, 70))
    np.testing.assert_allclose(distances.pairs(rows, columns), expected[rows, columns], atol=2e-6)
    block = distances.block(np.arange(n)[::-2], slice(n // 3, n))
    assert block.dtype == np.float32
    np.testing.assert_allclose(block, expected[::-2, n // 3 :], atol=2e-6)


def test_a_block_is_the_callers_to_change(make):
    unit = unit_vectors(np.eye(4))
    distances = make(unit)
    distances.block(np.arange(4), slice(0, 4))[:] = 7
    assert distances.block(np.arange(4), slice(0, 4)).max() == 1


@pytest.mark.parametrize("dense", [0, 10**6])
def test_entries_of_a_pattern_are_those_of_the_block(clustered, dense, monkeypatch):
    monkeypatch.setattr("actret_core.retrieval.reranking.point_distances.DENSE", dense)
    distances = StreamedDistances(unit_vectors(clustered), limit=10**6)
    rows, columns = np.array([4, 0, 31]), slice(10, 50)
    pattern = csr_array(np.random.default_rng(0).random((3, 40)) < 0.2)
    expected = distances.block(rows, columns)[pattern.toarray()]
    np.testing.assert_allclose(distances.entries(rows, columns, pattern), expected, atol=1e-6)


def test_nearest_of_a_range_counts_from_its_start(clustered):
    unit = unit_vectors(clustered)
    distances = StreamedDistances(unit, limit=10**6)
    found, values = distances.nearest(slice(0, 7), slice(20, 50), 4)
    expected = cdist(unit[:7], unit[20:], "sqeuclidean")
    np.testing.assert_array_equal(found, np.argsort(expected, axis=1)[:, :4])
    farthest = cdist(unit[:7], unit, "sqeuclidean").max(axis=1, keepdims=True)
    np.testing.assert_allclose(values, np.sort(expected / farthest, axis=1)[:, :4], atol=1e-6)
