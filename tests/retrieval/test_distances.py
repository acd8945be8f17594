import numpy as np
import pytest
from scipy.spatial.distance import cdist

from actret_core.retrieval.distances import (
    cosine_distances, euclidean_distances, split_keys, nearest, sortable_keys, squared_from_cosines,
    squared_unit_distances,
)


@pytest.mark.parametrize("k", [None, 1, 4, 9, 30])
def test_nearest_is_a_stable_sort(k):
    distances = np.random.default_rng(0).choice(
        [-2.5, -0.0, 0.0, 1.0, np.float32(1e-40), 3.0, -1e-3], size=(20, 30)
    )
    expected = np.argsort(distances.astype(np.float32), axis=1, kind="stable")[:, :k]
    np.testing.assert_array_equal(nearest(distances, k), expected)


def test_keys_order_like_the_distance_and_then_the_column():
    values = np.array([[3.0, -1.0, 0.0, np.inf, -0.0, 1e-40, -np.inf, -1e-40, 3.0]], np.float32)
    assert np.argsort(sortable_keys(values)[0]).tolist() == [6, 1, 7, 2, 4, 5, 0, 8, 3]
    assert np.argsort(sortable_keys(values, 10 - np.arange(9))[0]).tolist() == [6, 1, 7, 4, 2, 5, 8, 0, 3]


def test_keys_give_back_what_they_were_made_of():
    values = np.array([[-2.5, 0.0, 1e-40, -1e-3, 7.0, np.inf, -np.inf]], np.float32)
    distances, columns = split_keys(sortable_keys(values, np.array([[6, 0, 5, 1, 2**31 - 1, 3, 4]])))
    assert (distances.dtype, columns.dtype) == (np.float32, np.int32)
    assert distances.tolist() == values.tolist() and columns.tolist() == [[6, 0, 5, 1, 2**31 - 1, 3, 4]]


def test_a_squared_distance_is_never_negative():
    cosines = np.array([1.0000002, 1.0, 0.5, -1.0])
    np.testing.assert_array_equal(squared_from_cosines(cosines), np.array([0, 0, 1, 4], np.float32))


def test_distances_equal_scipy():
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((8, 5)), rng.standard_normal((9, 5))
    np.testing.assert_allclose(euclidean_distances(a, b), cdist(a, b), atol=1e-6)
    a, b = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (a, b))
    np.testing.assert_allclose(cosine_distances(a, b), cdist(a, b, "cosine"), atol=1e-6)
    np.testing.assert_allclose(squared_unit_distances(a, b), cdist(a, b, "sqeuclidean"), atol=1e-6)


def test_equal_vectors_have_equal_distances():
    """Whatever the order in which the matrix library adds; in float32 the last bits would differ."""
    points = np.random.default_rng(0).standard_normal((301, 77))
    points[5::2] = points[4]
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    assert (np.ptp(cosine_distances(points, points)[:, 5::2], axis=1) == 0).all()
    assert squared_unit_distances(points, points)[7, 9] == 0
