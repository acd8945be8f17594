"""The sparse re-ranking beside a dense one written from the definition, with sets and loops."""

import numpy as np
import pytest

from actret_core.errors import ConfigError, EmbeddingError
from actret_core.retrieval.rerank import k_reciprocal_rerank


def oracle(items, k1, k2, lam):
    """Distances [M, M] of all items to all items; shares nothing with the package but the definition."""
    items = items.astype(np.float64)
    items /= np.linalg.norm(items, axis=1, keepdims=True)
    distance = np.maximum(2 - 2 * (items @ items.T).astype(np.float32), 0)
    farthest = distance.max(axis=1)
    distance /= np.where(farthest > 0, farthest, 1)[:, None]
    m = len(items)
    ranked = [sorted(range(m), key=lambda j: (row[j], j)) for row in distance.tolist()]

    def all_reciprocal(k):
        lists = [set(ranked[i][: k + 1]) for i in range(m)]
        return [{j for j in lists[i] if i in lists[j]} for i in range(m)]

    reciprocal, reciprocal_half = all_reciprocal(k1), all_reciprocal(int(np.around(k1 / 2)))
    v = np.zeros((m, m))
    for i in range(m):
        near = reciprocal[i]
        expanded = set(near)
        for j in near:
            candidate = reciprocal_half[j]
            if 3 * len(candidate & near) > 2 * len(candidate):
                expanded |= candidate
        for j in expanded:
            v[i, j] = np.exp(-distance[i, j])
        if expanded:
            v[i] /= v[i].sum()
    if k2 > 1:
        v = np.array([v[ranked[i][:k2]].mean(axis=0) for i in range(m)])
    out = np.empty((m, m))
    for i in range(m):
        smaller, larger = np.minimum(v[i], v).sum(axis=1), np.maximum(v[i], v).sum(axis=1)
        jaccard = 1 - np.divide(smaller, larger, out=np.zeros(m), where=larger > 0)
        out[i] = (1 - lam) * jaccard + lam * distance[i]
    return out


def random_points(n=50):
    return np.random.default_rng(0).standard_normal((n, 6)).astype(np.float32)


def clustered_points():
    rng = np.random.default_rng(1)
    return (rng.standard_normal((5, 8))[rng.integers(0, 5, 50)] + 0.3 * rng.standard_normal((50, 8))).astype(
        np.float32
    )


def duplicate_points():
    """Each of 12 points stands 1 to 9 times, in mixed order: more copies than a short neighbor list holds."""
    rng = np.random.default_rng(2)
    return rng.permutation(np.repeat(random_points(12), rng.integers(1, 10, 12), axis=0))


def tied_points():
    """Corners of a cube in 4-d: many equal distances, all exact in float32 (the length is 2)."""
    return np.random.default_rng(3).choice([-1.0, 1.0], size=(40, 4)).astype(np.float32)


CASES = {
    "random": random_points(),
    "clustered": clustered_points(),
    "duplicates": duplicate_points(),
    "tied": tied_points(),
    "all equal": np.ones((7, 4), np.float32),
    "one": np.ones((1, 3), np.float32),
}
SETTINGS = [(1, 1, 0.3), (3, 2, 0.3), (5, 1, 0.0), (9, 12, 1.0), (20, 6, 0.5), (200, 20, 0.3), (4, 500, 0.3)]


@pytest.mark.parametrize("k1, k2, lam", SETTINGS)
@pytest.mark.parametrize("points", CASES.values(), ids=CASES.keys())
def test_single_equals_the_definition(points, k1, k2, lam):
    ours = k_reciprocal_rerank(points, k1=k1, k2=k2, lambda_=lam, variant="single")
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, oracle(points, k1, k2, lam), atol=1e-5)


@pytest.mark.parametrize("k1, k2, lam", SETTINGS)
@pytest.mark.parametrize("points", CASES.values(), ids=CASES.keys())
def test_concatenated_equals_the_definition_with_every_item_twice(points, k1, k2, lam):
    ours = k_reciprocal_rerank(points, k1=k1, k2=k2, lambda_=lam)
    n = len(points)
    np.testing.assert_allclose(ours, oracle(np.concatenate([points, points]), k1, k2, lam)[:n, n:], atol=1e-5)


@pytest.mark.parametrize("k1, k2, lam", SETTINGS)
@pytest.mark.parametrize("points", [CASES["clustered"], CASES["duplicates"], CASES["tied"]])
def test_separate_sets_equal_the_definition(points, k1, k2, lam):
    queries, gallery = points[:9], points[9:]
    ours = k_reciprocal_rerank(queries, gallery, k1=k1, k2=k2, lambda_=lam)
    assert ours.shape == (9, len(gallery))
    np.testing.assert_allclose(ours, oracle(points, k1, k2, lam)[:9, 9:], atol=1e-5)


@pytest.mark.parametrize("k2", [1, 5])
def test_concatenated_is_the_query_set_handed_in_as_its_own_gallery(k2):
    points = clustered_points()
    np.testing.assert_allclose(
        k_reciprocal_rerank(points, k1=10, k2=k2),
        k_reciprocal_rerank(points, points.copy(), k1=10, k2=k2),
        atol=1e-6,
    )


@pytest.mark.parametrize("variant", ["single", "concatenated"])
def test_chunks_do_not_change_the_result(variant, monkeypatch):
    points = clustered_points()
    whole = k_reciprocal_rerank(points, k1=8, k2=3, variant=variant)
    monkeypatch.setattr("actret_core.retrieval.rerank.CHUNK_ROWS", 7)
    np.testing.assert_allclose(k_reciprocal_rerank(points, k1=8, k2=3, variant=variant), whole, atol=1e-6)


def test_the_order_of_the_items_does_not_matter_without_ties():
    points, order = random_points(), np.random.default_rng(4).permutation(50)
    plain = k_reciprocal_rerank(points, k1=8, k2=3, variant="single")
    permuted = k_reciprocal_rerank(points[order], k1=8, k2=3, variant="single")
    np.testing.assert_allclose(permuted, plain[np.ix_(order, order)], atol=1e-6)


def test_lambda_one_keeps_the_original_ranking():
    points = random_points()
    unit = points / np.linalg.norm(points, axis=1, keepdims=True)
    reranked = k_reciprocal_rerank(points, k1=8, k2=3, lambda_=1.0, variant="single")
    np.testing.assert_array_equal(reranked.argsort(axis=1)[:, :5], (-unit @ unit.T).argsort(axis=1)[:, :5])


def test_lengths_of_the_features_do_not_matter():
    points = random_points()
    scaled = points * np.random.default_rng(5).uniform(0.5, 3, (50, 1)).astype(np.float32)
    plain, other = (k_reciprocal_rerank(x, k1=8, k2=3) for x in (points, scaled))
    np.testing.assert_allclose(plain, other, atol=1e-5)


@pytest.mark.parametrize(
    "bad",
    [{"k1": 0}, {"k2": 0}, {"lambda_": -0.1}, {"lambda_": 1.5}, {"lambda_": np.nan}, {"variant": "double"}],
)
def test_bad_settings_are_named(bad):
    with pytest.raises(ConfigError, match=next(iter(bad)).rstrip("_")):
        k_reciprocal_rerank(random_points(), **bad)


def test_single_refuses_a_second_set():
    with pytest.raises(ConfigError, match="variant"):
        k_reciprocal_rerank(random_points(), random_points(), variant="single")


@pytest.mark.parametrize(
    "value, words", [(np.nan, "row 3 hold NaN"), (np.inf, "row 3 hold NaN"), (0.0, "row 3 are all zero")]
)
def test_bad_vectors_are_named(value, words):
    points = random_points()
    points[3] = value
    for arguments in [(points,), (random_points(), points)]:
        with pytest.raises(EmbeddingError, match=words):
            k_reciprocal_rerank(*arguments)


def test_other_dimensions_and_an_empty_gallery_are_refused():
    with pytest.raises(EmbeddingError, match="both must be"):
        k_reciprocal_rerank(random_points(), np.ones((4, 3), np.float32))
    with pytest.raises(EmbeddingError, match="at least one row"):
        k_reciprocal_rerank(random_points(), np.ones((0, 6), np.float32))
