import numpy as np
import pytest

from actret_core.retrieval.embeddings import unit_vectors
from actret_core.retrieval.reranking.point_distances import HeldDistances
from actret_core.retrieval.reranking.reciprocal import _item_neighbors, encode


@pytest.mark.parametrize("k", [1, 4, 9, 500])
def test_copies_are_neighbors_in_the_order_of_a_stable_sort(points, k):
    distances, n = HeldDistances(unit_vectors(points)), len(points)
    ours = _item_neighbors(distances, n, 2, k)
    every = np.tile(distances.matrix, 2)
    np.testing.assert_array_equal(ours, np.argsort(every, axis=1, kind="stable")[:, :k])


def test_four_points_on_a_line_by_hand():
    """Angles 0, 1, 2 and 60 degrees, k1 = 1: each list holds the point and its nearest, ties by index.

    Lists {0 1} {1 0} {2 1} {3 2}; reciprocal {0 1} {0 1} {2} {3}. k1/2 rounds to 0: a member's own circle is
    itself, so nothing is added.
    """
    angles = np.radians([0, 1, 2, 60])
    distances = HeldDistances(unit_vectors(np.stack([np.cos(angles), np.sin(angles)], axis=1)))
    vectors = encode(distances, 4, 1, k1=1, k2=1).toarray()
    near = np.exp(-distances.matrix[0, 1]), np.exp(-distances.matrix[1, 0])
    expected = np.eye(4)
    expected[0, :2] = [1 / (1 + near[0]), near[0] / (1 + near[0])]
    expected[1, :2] = [near[1] / (1 + near[1]), 1 / (1 + near[1])]
    np.testing.assert_allclose(vectors, expected, atol=1e-6)
    averaged = encode(distances, 4, 1, k1=1, k2=2).toarray()
    np.testing.assert_allclose(averaged[3], (expected[3] + expected[2]) / 2, atol=1e-6)


@pytest.mark.parametrize("copies", [1, 2])
def test_weights_sum_to_one_and_the_second_copy_never_leads(clustered, copies):
    vectors = encode(HeldDistances(unit_vectors(clustered)), 50, copies, k1=8, k2=3)
    assert vectors.shape == (50, 50 * copies)
    np.testing.assert_allclose(vectors.sum(axis=1), 1, atol=1e-6)
    if copies == 2:
        dense = vectors.toarray()
        assert (dense[:, 50:] <= dense[:, :50]).all() and (dense[:, 50:] < dense[:, :50]).any()
