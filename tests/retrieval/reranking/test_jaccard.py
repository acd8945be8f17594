import numpy as np
import pytest
from scipy.sparse import csr_array

from actret_core.retrieval.reranking.jaccard import JaccardDistances


def naive(queries, gallery):
    out = np.ones((len(queries), len(gallery)))
    for i, a in enumerate(queries):
        for j, b in enumerate(gallery):
            if a.any() or b.any():
                out[i, j] = 1 - np.minimum(a, b).sum() / np.maximum(a, b).sum()
    return out


@pytest.fixture
def dense():
    rng = np.random.default_rng(0)
    vectors = (rng.random((31, 20)) * (rng.random((31, 20)) < 0.2)).astype(np.float32)
    vectors[[4, 9]] = 0  # items without neighbors
    vectors[7] = vectors[3]
    return vectors


@pytest.mark.parametrize("start", [0, 10])
def test_rows_and_matrix_equal_the_definition(dense, start, monkeypatch):
    monkeypatch.setattr("actret_core.retrieval.threads.CHUNK_ELEMENTS", 100)
    ours = JaccardDistances(csr_array(dense), start)
    expected = naive(dense[: start or 31], dense[start:])
    np.testing.assert_allclose(ours.matrix(), expected, atol=1e-6)
    rows = np.array([9, 3, 3, 0, 4])
    np.testing.assert_allclose(ours.rows(rows), expected[rows], atol=1e-6)


@pytest.mark.parametrize("start", [0, 10])
def test_twin_columns(dense, start):
    second = dense.copy()
    second[2:6] *= 0.5
    vectors = np.hstack([dense, second])
    ours = JaccardDistances(csr_array(vectors), start, doubled=True)
    expected = naive(vectors[: start or 31], vectors[start:])
    np.testing.assert_allclose(ours.matrix(), expected, atol=1e-6)
    np.testing.assert_allclose(ours.rows(np.arange(start or 31)), expected, atol=1e-6)


def test_the_distance_to_itself_is_exactly_zero(dense):
    diagonal = np.diag(JaccardDistances(csr_array(dense)).matrix())
    np.testing.assert_array_equal(diagonal, ~dense.any(axis=1))
