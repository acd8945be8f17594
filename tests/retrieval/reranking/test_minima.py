"""Sums of minima as a sparse product, beside the dense sum."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from actret_core.retrieval.reranking.minima import entries_of, entries_of_twins, minimum_factors


def naive(dense):
    return np.array([[np.minimum(a, b).sum() for b in dense] for a in dense])


def product(entries, items):
    lower, upper = minimum_factors(entries, items)
    half = (lower @ upper).toarray()
    return half + half.T


def off_diagonal(matrix):
    return matrix[~np.eye(len(matrix), dtype=bool)]


def sparse_vectors(items, columns, share, levels, seed=0):
    """`levels` distinct values: few of them make many ties."""
    rng = np.random.default_rng(seed)
    values = rng.integers(1, levels + 1, (items, columns)) / levels
    return (values * (rng.random((items, columns)) < share)).astype(np.float32)


@pytest.mark.parametrize("levels", [1, 3, 10**6])
@pytest.mark.parametrize(
    "items, columns, share", [(1, 4, 1.0), (2, 1, 1.0), (13, 30, 0.3), (33, 7, 0.9), (40, 40, 0.02)]
)
def test_equals_the_dense_sum(items, columns, share, levels):
    dense = sparse_vectors(items, columns, share, levels)
    dense[0, 0] = 1
    ours = product(entries_of(csr_array(dense)), items)
    np.testing.assert_allclose(off_diagonal(ours), off_diagonal(naive(dense)), atol=1e-5)


@pytest.mark.parametrize("unequal", [0.0, 0.1, 1.0])
def test_twin_columns_equal_the_dense_sum(unequal):
    rng = np.random.default_rng(1)
    first = sparse_vectors(25, 12, 0.5, 10**6)
    lower = first * rng.choice([0.0, 0.5, 0.9], first.shape)  # a twin may be smaller, or absent
    second = np.where(rng.random(first.shape) < unequal, lower, first).astype(np.float32)
    ours = product(entries_of_twins(csr_array(first), csr_array(second)), 25)
    np.testing.assert_allclose(off_diagonal(ours), off_diagonal(naive(np.hstack([first, second]))), atol=1e-5)


def test_equal_twins_take_one_entry():
    vectors = csr_array(sparse_vectors(10, 10, 0.5, 100))
    assert len(entries_of_twins(vectors, vectors).item) == vectors.nnz


def test_every_pair_of_entries_meets_once():
    """With all values 1 the product counts the columns that two items share."""
    dense = sparse_vectors(20, 15, 0.5, 1)
    ours = product(entries_of(csr_array(dense)), 20)
    np.testing.assert_array_equal(off_diagonal(ours), off_diagonal(dense @ dense.T))
