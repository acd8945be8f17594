import numpy as np
import pytest
from scipy.sparse import csr_array

from actret_core.retrieval.reranking.candidates import first_of_candidates


@pytest.mark.parametrize("depth", [1, 7, 30])
def test_equals_a_sort_of_all_items(depth):
    """Items without a shared neighbor are at 0.7 + 0.3 d, the others somewhere below their own such value."""
    rng = np.random.default_rng(0)
    original = 0.7 + 0.3 * rng.random((12, 30)).round(1).astype(np.float32)  # rounded: many ties
    shares = rng.random((12, 30)) < 0.3
    blended = np.where(shares, original * rng.random((12, 30)).astype(np.float32), original)
    near = np.argsort(original, axis=1, kind="stable")[:, :depth]
    shared = csr_array((blended[shares], np.nonzero(shares)), shape=shares.shape)
    found, distances = first_of_candidates(shared, near, np.take_along_axis(original, near, axis=1))
    expected = np.argsort(blended, axis=1, kind="stable")[:, :depth]
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(distances, np.take_along_axis(blended, expected, axis=1))
    assert (found.dtype, distances.dtype) == (np.int32, np.float32)


def test_nothing_shared_leaves_the_nearest():
    near, distances = np.array([[2, 0]]), np.array([[0.7, 0.8]], np.float32)
    found, values = first_of_candidates(csr_array((1, 4), dtype=np.float32), near, distances)
    assert found.tolist() == [[2, 0]] and values.tolist() == distances.tolist()
