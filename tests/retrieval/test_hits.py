import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from actret_core.errors import ConfigError
from actret_core.retrieval.hits import (
    Hits, ap_definition, average_precision, hits_by_distance, hits_in_ranking, rectangular, trapezoidal,
)


def naive_hits(distances, relevant, kept):
    """Pairs (query, rank), one query and one item at a time."""
    for i, row in enumerate(distances):
        order = sorted((j for j in range(len(row)) if kept[i, j]), key=lambda j: (np.float32(row[j]), j))
        yield from ((i, rank) for rank, j in enumerate(order, start=1) if relevant[i, j])


@pytest.fixture(params=["no ties", "ties"])
def drawn(request):
    """Distances with negative ones among them, relevance, and what counts; the last query has no right answer."""
    rng = np.random.default_rng(0)
    distances = rng.standard_normal((9, 40))
    if request.param == "ties":
        distances = distances.round() * 0.1
    kept = rng.random((9, 40)) < 0.8
    relevant = kept & (rng.random((9, 40)) < 0.3)
    relevant[-1] = False
    return distances, relevant, kept


def test_hits_equal_a_naive_loop(drawn):
    distances, relevant, kept = drawn
    order = np.argsort(distances.astype(np.float32), axis=1, kind="stable")
    expected = list(naive_hits(distances, relevant, kept))
    for hits in (hits_by_distance(*drawn), hits_in_ranking(order, relevant, kept)):
        assert list(zip(hits.query.tolist(), hits.rank.tolist(), strict=True)) == expected
        np.testing.assert_array_equal(hits.total, relevant.sum(axis=1))
        first = [min((r for q, r in expected if q == i), default=np.inf) for i in range(9)]
        np.testing.assert_array_equal(hits.first(), first)


def test_rectangular_equals_scikit_learn():
    rng = np.random.default_rng(1)
    distances, relevant = rng.random((20, 200)), rng.random((20, 200)) < 0.1
    ours = average_precision(hits_by_distance(distances, relevant, np.ones_like(relevant)))
    expected = [average_precision_score(r, -d) for r, d in zip(relevant, distances, strict=True)]
    np.testing.assert_allclose(ours, expected, atol=1e-12)


def test_trapezoidal_equals_the_areas_under_the_curve():
    """Between two ranks the curve of precision over recall is a trapezoid; before the first its height is 1."""
    rng = np.random.default_rng(2)
    relevant = rng.random((20, 60)) < 0.2
    order = np.tile(np.arange(60), (20, 1))
    expected = []
    for row in relevant:
        precision = np.concatenate([[1.0], np.cumsum(row) / np.arange(1, 61)])
        recall = np.concatenate([[0.0], np.cumsum(row) / row.sum()])
        expected.append(np.trapezoid(precision, recall))
    hits = hits_in_ranking(order, relevant, np.ones_like(relevant))
    np.testing.assert_allclose(average_precision(hits, trapezoidal), expected, atol=1e-12)


def test_both_definitions_by_hand():
    """Right answers on places 2 and 3, and a third that is never found."""
    hits = Hits(np.array([0, 0]), np.array([2, 3]), np.array([3, 0]))
    np.testing.assert_allclose(average_precision(hits), [(1 / 2 + 2 / 3) / 3, np.nan])
    expected = ((0 / 1 + 1 / 2) / 2 + (1 / 2 + 2 / 3) / 2) / 3
    np.testing.assert_allclose(average_precision(hits, trapezoidal), [expected, np.nan])


def test_a_definition_has_a_name():
    assert (ap_definition("rectangular"), ap_definition("trapezoidal")) == (rectangular, trapezoidal)
    with pytest.raises(ConfigError, match="ap='found'.*'rectangular' or 'trapezoidal'"):
        ap_definition("found")
