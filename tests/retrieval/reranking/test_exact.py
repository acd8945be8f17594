"""FAISS with its float32 settled, beside a plain float64 sort."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from actret_core.retrieval.reranking import exact
from actret_core.retrieval.embeddings import unit_vectors
from actret_core.retrieval.reranking.exact import exact_neighbors, listed_distances


def oracle(queries, gallery, k, scale):
    """All pairs, rounded to float32, in a stable sort."""
    distances = np.maximum(2 - 2 * (queries @ gallery.T).astype(np.float32), 0) / scale[:, None]
    order = np.argsort(distances, axis=1, kind="stable")[:, :k]
    return order, np.take_along_axis(distances, order, axis=1)


@pytest.mark.parametrize("margin", [0, 3, 32])
@pytest.mark.parametrize("k", [1, 4, 11, 200])
def test_equals_a_stable_sort_of_all_pairs(points, k, margin, monkeypatch):
    """A small margin makes FAISS answer on small sets too, and leaves rows in doubt."""
    monkeypatch.setattr(exact, "MARGIN", margin)
    unit = unit_vectors(points)
    scale = np.random.default_rng(0).uniform(0.5, 4, len(unit)).astype(np.float32)
    for queries in (unit, unit[::-3]):
        found = exact_neighbors(queries, unit, k, scale[: len(queries)], limit=17)
        expected = oracle(queries, unit, k, scale[: len(queries)])
        np.testing.assert_array_equal(found[0], expected[0])
        np.testing.assert_array_equal(found[1], expected[1])


def test_rows_are_searched_in_full_only_where_ties_may_hide_a_neighbor(monkeypatch):
    """40 equal points at a right angle to all others."""
    points = np.eye(17)[np.full(300, 16)]
    points[40:] = unit_vectors(np.random.default_rng(0).standard_normal((260, 17)) * (np.arange(17) < 16))
    searched, whole = [], exact._search_all

    def spy(queries, *rest):
        searched.append(len(queries))
        return whole(queries, *rest)

    monkeypatch.setattr(exact, "_search_all", spy)
    found, _ = exact_neighbors(points, points, 5)
    assert searched == [40]
    np.testing.assert_array_equal(found, oracle(points, points, 5, np.ones(300, np.float32))[0])


def test_listed_distances_are_those_of_scipy():
    points = unit_vectors(np.random.default_rng(0).standard_normal((20, 9)))
    lists = np.random.default_rng(1).integers(0, 20, (20, 4))
    expected = np.take_along_axis(cdist(points, points, "sqeuclidean"), lists, axis=1)
    np.testing.assert_allclose(listed_distances(points, points, lists), expected, atol=1e-6)
    assert listed_distances(points[:0], points, lists[:0]).shape == (0, 4)
