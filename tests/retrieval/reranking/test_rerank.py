"""The sparse re-ranking beside a dense one written from the definition, with sets and loops."""

import numpy as np
import pytest

from actret_core.errors import ConfigError, EmbeddingError
from actret_core.retrieval import Embeddings, evaluate
from actret_core.retrieval.reranking.point_distances import HeldDistances, StreamedDistances
from actret_core.retrieval.reranking.rerank import Reranker, k_reciprocal_rerank


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


SETTINGS = [(1, 1, 0.3), (3, 2, 0.3), (5, 1, 0.0), (9, 12, 1.0), (20, 6, 0.5), (200, 20, 0.3), (4, 500, 0.3)]


def streamed(queries, gallery=None, *, depth=10**6, **settings):
    """All distances [Q, G] through the path that never holds them: from its ranking, in pieces of one row."""
    reranker = Reranker(queries, gallery, max_elements=1, **settings)
    found, distances = reranker.ranking(depth)
    out = np.empty(distances.shape, np.float32)
    np.put_along_axis(out, found, distances, axis=1)
    return out


WAYS = {"held": k_reciprocal_rerank, "streamed": streamed}


def single(points):
    """The arguments of a re-ranking, and what the definition says of them at every setting."""
    return (points,), {"variant": "single"}, lambda *setting: oracle(points, *setting)


def concatenated(points):
    """Every item twice: the rows of the first copy, the columns of the second."""
    n, twice = len(points), np.concatenate([points, points])
    return (points,), {}, lambda *setting: oracle(twice, *setting)[:n, n:]


def separate(points):
    n = len(points) // 4 + 1
    queries, gallery = points[:n], points[-n:] if len(points) == 1 else points[n:]
    both = np.concatenate([queries, gallery])
    return (queries, gallery), {}, lambda *setting: oracle(both, *setting)[:n, n:]


@pytest.mark.parametrize("sets", [single, concatenated, separate])
def test_both_ways_equal_the_definition(points, sets):
    arguments, options, definition = sets(points)
    for setting in SETTINGS:
        expected = definition(*setting)
        for way, rerank in WAYS.items():
            ours = rerank(*arguments, **dict(zip(("k1", "k2", "lambda_"), setting, strict=True)), **options)
            assert ours.dtype == np.float32 and ours.shape == expected.shape, (way, setting)
            np.testing.assert_allclose(ours, expected, atol=1e-5, err_msg=f"{way}: k1, k2, lambda = {setting}")


@pytest.mark.parametrize("variant, copies", [("single", 1), ("concatenated", 2)])
def test_faiss_finds_the_neighbors_of_the_definition(points, variant, copies, monkeypatch):
    """With a small margin FAISS answers on these small sets too."""
    n = len(points)
    expected = oracle(np.concatenate([points] * copies), 5, 3, 0.3)[:n, -n:]
    for margin in (0, 4):
        monkeypatch.setattr("actret_core.retrieval.reranking.exact.MARGIN", margin)
        ours = streamed(points, k1=5, k2=3, variant=variant)
        np.testing.assert_allclose(ours, expected, atol=1e-5, err_msg=f"margin {margin}")


def test_a_ranking_is_that_of_the_definition_outside_ties(points):
    expected, depth = oracle(points, 6, 3, 0.3), min(12, len(points))
    for max_elements in (1, 10**6):
        reranker = Reranker(points, k1=6, k2=3, variant="single", max_elements=max_elements)
        found, distances = reranker.ranking(depth=12)
        assert found.shape == distances.shape == (len(points), depth)
        assert all(len(set(row)) == depth for row in found.tolist())
        np.testing.assert_allclose(distances, np.sort(expected, axis=1)[:, :depth], atol=1e-5)
        np.testing.assert_allclose(np.take_along_axis(expected, found, axis=1), distances, atol=1e-5)


def test_a_ranking_breaks_ties_by_index():
    found, _ = Reranker(np.ones((6, 3), np.float32), k1=5, k2=2, variant="single").ranking(4)
    others = [[j for j in row if j != i] for i, row in enumerate(found.tolist())]
    assert all(row == sorted(row) for row in others)


@pytest.mark.parametrize("gallery", [False, True])
def test_rows_are_those_of_the_matrix(clustered, gallery):
    sets = (clustered[:20], clustered[20:]) if gallery else (clustered,)
    reranker = Reranker(*sets, k1=6, k2=3)
    rows = np.array([5, 0, 5, 19])
    np.testing.assert_allclose(reranker(rows), reranker.matrix()[rows], atol=1e-6)
    assert reranker.shape == ((20, 30) if gallery else (50, 50))


def test_evaluation_takes_a_reranker(clustered):
    embeddings = Embeddings(clustered, np.arange(50) % 5, [f"s{i}" for i in range(50)])
    matrix = evaluate(embeddings, distances=k_reciprocal_rerank(clustered, k1=6, k2=3))
    chunked = evaluate(embeddings, distances=Reranker(clustered, k1=6, k2=3, max_elements=1))
    np.testing.assert_allclose(chunked.per_query, matrix.per_query, atol=1e-9)


@pytest.mark.parametrize("k2", [1, 5])
def test_concatenated_is_the_query_set_handed_in_as_its_own_gallery(clustered, k2):
    np.testing.assert_allclose(
        k_reciprocal_rerank(clustered, k1=10, k2=k2),
        k_reciprocal_rerank(clustered, clustered.copy(), k1=10, k2=k2),
        atol=1e-6,
    )


@pytest.mark.parametrize("variant", ["single", "concatenated"])
def test_chunks_do_not_change_the_result(clustered, variant, monkeypatch):
    whole = k_reciprocal_rerank(clustered, k1=8, k2=3, variant=variant)
    monkeypatch.setattr("actret_core.retrieval.threads.CHUNK_ELEMENTS", 150)
    monkeypatch.setattr("actret_core.retrieval.reranking.reciprocal.CHUNK_ITEMS", 7)
    np.testing.assert_allclose(k_reciprocal_rerank(clustered, k1=8, k2=3, variant=variant), whole, atol=1e-6)


@pytest.mark.parametrize("max_elements", [1, 999, 2500])
def test_no_float_array_of_pairs_exceeds_what_the_caller_allows(clustered, max_elements, monkeypatch):
    """Seen through every block that is asked for, and through the one matrix that may be held."""
    sizes = []
    for kind in (HeldDistances, StreamedDistances):
        block = kind.block

        def spy(self, rows, columns, block=block):
            sizes.append(len(rows) * 50)
            return block(self, rows, columns)

        monkeypatch.setattr(kind, "block", spy)
    reranker = Reranker(clustered, k1=8, k2=3, max_elements=max_elements)
    reranker.ranking(5)
    assert isinstance(reranker._distances, HeldDistances if max_elements >= 2500 else StreamedDistances)
    assert 0 < max(sizes) <= max(max_elements, 50)


@pytest.mark.parametrize("dense", [0, 10**6])
def test_single_pairs_and_blocks_give_one_ranking(clustered, dense, monkeypatch):
    expected = Reranker(clustered, k1=4, k2=2).ranking(50)
    monkeypatch.setattr("actret_core.retrieval.reranking.point_distances.DENSE", dense)
    ours = Reranker(clustered, k1=4, k2=2, max_elements=1).ranking(50)
    np.testing.assert_array_equal(ours[0], expected[0])
    np.testing.assert_allclose(ours[1], expected[1], atol=1e-5)


def test_a_matrix_that_does_not_fit_is_refused_before_any_work(clustered):
    with pytest.raises(ConfigError, match="max_elements=2499.*2500.*ranking"):
        k_reciprocal_rerank(clustered, max_elements=2499)
    with pytest.raises(ConfigError, match="max_elements"):
        Reranker(clustered, max_elements=2499).matrix()


def test_the_order_of_the_items_does_not_matter_without_ties(clustered):
    order = np.random.default_rng(4).permutation(50)
    plain = k_reciprocal_rerank(clustered, k1=8, k2=3, variant="single")
    permuted = k_reciprocal_rerank(clustered[order], k1=8, k2=3, variant="single")
    np.testing.assert_allclose(permuted, plain[np.ix_(order, order)], atol=1e-6)


def test_lambda_one_keeps_the_original_ranking(clustered):
    unit = clustered / np.linalg.norm(clustered, axis=1, keepdims=True)
    found, _ = Reranker(clustered, k1=8, k2=3, lambda_=1.0, variant="single").ranking(5)
    np.testing.assert_array_equal(found, (-unit @ unit.T).argsort(axis=1)[:, :5])


def test_lengths_of_the_features_do_not_matter(clustered):
    scaled = clustered * np.random.default_rng(5).uniform(0.5, 3, (50, 1)).astype(np.float32)
    plain, other = (k_reciprocal_rerank(x, k1=8, k2=3) for x in (clustered, scaled))
    np.testing.assert_allclose(plain, other, atol=1e-5)


@pytest.mark.parametrize(
    "bad",
    [{"k1": 0}, {"k2": 0}, {"max_elements": 0}, {"variant": "double"}]
    + [{"lambda_": -0.1}, {"lambda_": 1.5}, {"lambda_": np.nan}],
)
def test_bad_settings_are_named(clustered, bad):
    with pytest.raises(ConfigError, match=next(iter(bad)).rstrip("_")):
        k_reciprocal_rerank(clustered, **bad)


@pytest.mark.parametrize("name", ["k1", "k2"])
def test_more_neighbors_than_any_set_needs_are_refused_before_any_work(clustered, name):
    """Up to 1000 a small set takes the settings of a large one."""
    large = np.random.default_rng(0).standard_normal((1200, 4)).astype(np.float32)
    with pytest.raises(ConfigError, match=f"{name}=999999: expected at most 1000 for 50 vectors"):
        Reranker(clustered, **{name: 999_999})
    with pytest.raises(ConfigError, match=f"{name}=1201: expected at most 1200 for 1200 vectors"):
        Reranker(large, **{name: 1201})
    np.testing.assert_array_equal(Reranker(clustered, k1=1000).matrix(), Reranker(clustered, k1=200).matrix())


def test_single_refuses_a_second_set(clustered):
    with pytest.raises(ConfigError, match="variant"):
        k_reciprocal_rerank(clustered, clustered, variant="single")


@pytest.mark.parametrize(
    "value, words", [(np.nan, "row 3 hold NaN"), (np.inf, "row 3 hold NaN"), (0.0, "row 3 are all zero")]
)
def test_bad_vectors_are_named(clustered, value, words):
    bad = clustered.copy()
    bad[3] = value
    for arguments in [(bad,), (clustered, bad)]:
        with pytest.raises(EmbeddingError, match=words):
            k_reciprocal_rerank(*arguments)


def test_other_dimensions_and_an_empty_gallery_are_refused(clustered):
    with pytest.raises(EmbeddingError, match="both must be"):
        k_reciprocal_rerank(clustered, np.ones((4, 3), np.float32))
    with pytest.raises(EmbeddingError, match="at least one row"):
        k_reciprocal_rerank(clustered, np.ones((0, 8), np.float32))


def test_a_depth_of_none_is_refused(clustered):
    with pytest.raises(ConfigError, match="depth"):
        Reranker(clustered).ranking(0)
