"""Retrieval metrics beside scikit-learn, a naive loop and cases counted by hand."""

import dataclasses

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from actret_core.errors import ConfigError, EmbeddingError
from actret_core.retrieval.embeddings import Embeddings
from actret_core.retrieval.metrics import evaluate


def make(features, labels, groups=None, prefix="s"):
    return Embeddings(
        np.asarray(features, np.float32),
        np.asarray(labels),
        [f"{prefix}{i}" for i in range(len(features))],
        groups,
    )


def single_label(n=80, classes=5, seed=0, prefix="s"):
    rng = np.random.default_rng(seed)
    return make(rng.standard_normal((n, 7)), rng.integers(-1, classes, n), prefix=prefix)


def multi_label(n=80, seed=1):
    rng = np.random.default_rng(seed)
    return make(
        rng.standard_normal((n, 7)), rng.random((n, 4)) < 0.3, groups=[f"p{i // 2}" for i in range(n)]
    )


def cosine(queries, gallery):
    a, b = (e.features.astype(np.float64) for e in (queries, gallery))
    return 1 - (a / np.linalg.norm(a, axis=1)[:, None]) @ (b / np.linalg.norm(b, axis=1)[:, None]).T


def naive(queries, gallery, distances):
    """One query at a time, one gallery item at a time: AP and rank of the first hit, or None for no query."""
    for i in range(len(queries)):

        def share(j, i=i):
            if queries.labels.ndim == 1:
                return queries.labels[i] == gallery.labels[j] >= 0
            return bool((queries.labels[i] & gallery.labels[j]).any())

        candidates = [j for j in range(len(gallery)) if queries.ids[i] != gallery.ids[j]]
        if queries.groups is not None:
            candidates = [j for j in candidates if queries.groups[i] != gallery.groups[j]]
        candidates.sort(key=lambda j: (np.float32(distances[i, j]), j))
        ranks = [r for r, j in enumerate(candidates, start=1) if share(j)]
        ap = np.mean([(n + 1) / r for n, r in enumerate(ranks)]) if ranks else None
        yield ap, ranks[0] if ranks else None


@pytest.mark.parametrize(
    "queries, gallery",
    [
        (single_label(), None),
        (multi_label(), None),
        (dataclasses.replace(multi_label(), groups=None), None),
        (single_label(30), single_label(60, seed=2, prefix="g")),
        (single_label(30), single_label(60)),
    ],
    ids=["single label", "multi-label, groups", "multi-label", "other gallery", "gallery holds the queries"],
)
def test_equals_a_naive_loop(queries, gallery, monkeypatch):
    monkeypatch.setattr("actret_core.retrieval.threads.CHUNK_ELEMENTS", 1000)
    ours = evaluate(queries, gallery)
    gallery = gallery or queries
    pairs = list(naive(queries, gallery, cosine(queries, gallery)))
    ap = np.array([np.nan if a is None else a for a, _ in pairs])
    first = np.array([r for _, r in pairs if r is not None])
    np.testing.assert_allclose(ours.per_query, ap, atol=1e-12)
    np.testing.assert_allclose(ours.cmc, [(first <= k).mean() for k in range(1, 51)], atol=1e-12)
    assert ours.mAP == pytest.approx(np.nanmean(ap), abs=1e-12)
    assert (ours.rank1, ours.rank5) == pytest.approx(((first <= 1).mean(), (first <= 5).mean()))
    assert (ours.n_queries, ours.n_without_positive) == (len(first), queries.labeled.sum() - len(first))


@pytest.mark.parametrize("embeddings", [single_label(), multi_label()])
def test_ap_equals_scikit_learn(embeddings):
    similarity = -cosine(embeddings, embeddings)
    hot = embeddings.labels if embeddings.labels.ndim == 2 else embeddings.labels[:, None] == np.arange(5)
    metrics = evaluate(embeddings)
    for i in range(len(embeddings)):
        kept = np.arange(len(embeddings)) != i
        if embeddings.groups is not None:
            kept = embeddings.groups != embeddings.groups[i]
        relevant = (hot[i] & hot).any(axis=1)[kept]
        if relevant.any():
            expected = average_precision_score(relevant, similarity[i, kept])
            assert metrics.per_query[i] == pytest.approx(expected, abs=1e-9)
        else:
            assert np.isnan(metrics.per_query[i])


@pytest.mark.parametrize("labels", ["single", "multi"])
def test_equals_scikit_learn_to_nine_digits(labels):
    """Without ties, and with the query itself taken out."""
    e = single_label(200) if labels == "single" else dataclasses.replace(multi_label(200), groups=None)
    hot = e.labels if labels == "multi" else (e.labels[:, None] == np.arange(5)) & (e.labels[:, None] >= 0)
    shared, matrix = hot.astype(int) @ hot.T > 0, cosine(e, e)
    ours = evaluate(e).per_query
    for i in np.flatnonzero(~np.isnan(ours)):
        others = np.arange(200) != i
        expected = average_precision_score(shared[i, others], -matrix[i, others])
        assert ours[i] == pytest.approx(expected, abs=1e-9)


def test_trapezoidal_average_precision_by_name():
    """Query a ranks b+ c- d+ e-, query b a+ c- d+ e-, query d c- e- b+ a+."""
    features = [[np.cos(t), np.sin(t)] for t in (0.0, 0.1, 0.3, 0.6, 1.0)]
    metrics = evaluate(make(features, [0, 0, 1, 0, 2]), ap="trapezoidal")
    a = (1 + (1 / 2 + 2 / 3) / 2) / 2
    d = ((0 + 1 / 3) / 2 + (1 / 3 + 2 / 4) / 2) / 2
    np.testing.assert_allclose(metrics.per_query, [a, a, np.nan, d, np.nan])
    assert metrics.rank1 == pytest.approx(2 / 3)
    with pytest.raises(ConfigError, match="ap='mean'"):
        evaluate(single_label(), ap="mean")


def test_counted_by_hand():
    """Query a ranks b+ c- d+ e-: AP = (1/1 + 2/3) / 2. c and e are alone in their classes."""
    features = [[np.cos(t), np.sin(t)] for t in (0.0, 0.1, 0.3, 0.6, 1.0)]
    metrics = evaluate(make(features, [0, 0, 1, 0, 2]))
    b = (1 / 1 + 2 / 3) / 2  # a+ c- d+ e-
    d = (1 / 3 + 2 / 4) / 2  # c- e- b+ a+
    np.testing.assert_allclose(metrics.per_query, [(1 + 2 / 3) / 2, b, np.nan, d, np.nan])
    assert metrics.mAP == pytest.approx(((1 + 2 / 3) / 2 + b + d) / 3)
    assert metrics.rank1 == pytest.approx(2 / 3)
    assert metrics.cmc[:4] == pytest.approx([2 / 3, 2 / 3, 1, 1])
    assert metrics.per_class == {0: pytest.approx(metrics.mAP)}
    assert (metrics.n_queries, metrics.n_without_positive) == (3, 2)
    assert metrics.as_percent() == {"mAP": round(100 * metrics.mAP, 4), "rank1": 66.6667, "rank5": 100.0}


def test_the_query_is_excluded_by_its_id_and_not_by_its_class():
    features = [[1, 0], [1, 0.01], [0, 1], [0.01, 1]]
    assert evaluate(make(features, [0, 0, 1, 1])).mAP == 1
    assert evaluate(make(features, [0, 1, 0, 1])).rank1 == 0


def test_ties_are_broken_by_index():
    metrics = evaluate(make(np.ones((4, 3)), [0, 1, 0, 1]))
    np.testing.assert_allclose(metrics.per_query, [1 / 2, 1 / 3, 1, 1 / 2])


def test_persons_of_one_photograph_are_ignored_as_if_absent():
    features = [[1, 0], [1, 0.001], [1, 0.1], [1, 0.2]]
    hot = np.array([[1, 0], [1, 0], [0, 1], [1, 0]], dtype=bool)
    grouped = make(features, hot, groups=list("aabc"))
    np.testing.assert_allclose(evaluate(grouped).per_query[:2], [1 / 2, 1 / 2])
    np.testing.assert_allclose(
        evaluate(dataclasses.replace(grouped, groups=None)).per_query[0], (1 + 2 / 3) / 2
    )


def test_samples_without_an_action_are_distractors_and_no_queries():
    features = [[1, 0], [1, 0.1], [1, 0.2]]
    metrics = evaluate(make(features, [0, -1, 0]))
    np.testing.assert_allclose(metrics.per_query, [1 / 2, np.nan, 1 / 2])
    assert (metrics.n_queries, metrics.n_without_positive) == (2, 0)


def test_per_class_of_a_sample_with_two_actions_counts_in_both():
    metrics = evaluate(multi_label())
    hot = multi_label().labels
    for c, value in metrics.per_class.items():
        assert value == pytest.approx(np.nanmean(metrics.per_query[hot[:, c]]))


def test_the_order_of_the_gallery_does_not_matter_without_ties():
    queries, gallery = single_label(40), single_label(60, seed=2, prefix="g")
    order = np.random.default_rng(3).permutation(60)
    shuffled = Embeddings(gallery.features[order], gallery.labels[order], gallery.ids[order])
    np.testing.assert_allclose(
        evaluate(queries, shuffled).per_query, evaluate(queries, gallery).per_query, atol=1e-12
    )


def test_perfect_and_random_features():
    labels = np.repeat(np.arange(4), 25)
    assert evaluate(make(np.eye(4)[labels], labels)).mAP == 1
    assert evaluate(make(np.random.default_rng(0).standard_normal((100, 9)), labels)).mAP < 0.4


def test_matrix_function_and_ranking_agree_with_features():
    e = single_label()
    expected = evaluate(e)
    matrix = cosine(e, e)
    for other in (
        evaluate(e, distances=matrix),
        evaluate(e, distances=lambda rows: matrix[rows]),
        evaluate(e, ranking=np.argsort(matrix, axis=1, kind="stable")),
    ):
        np.testing.assert_allclose(other.per_query, expected.per_query, atol=1e-12)


def test_a_ranking_of_no_items_finds_nothing():
    assert evaluate(single_label(), ranking=np.empty((80, 0), int)).mAP == 0


def test_a_ranking_may_be_cut_and_misses_count():
    e = make([[1, 0], [1, 0.1], [1, 0.2], [1, 0.3]], [0, 1, 0, 0])
    cut = np.array([[0, 1, 2], [1, 0, 2], [2, 0, 1], [3, 1, 2]])
    np.testing.assert_allclose(evaluate(e, ranking=cut).per_query, [(1 / 2) / 2, np.nan, 1 / 2, (1 / 2) / 2])


def test_euclidean_differs_from_cosine_where_lengths_do():
    e = make([[1, 0], [9, 0], [1, 0.5], [9, 4.5]], [0, 0, 1, 1])
    assert evaluate(e).rank1 == 1
    assert evaluate(e, distances="euclidean").rank1 == 0
    plain = np.linalg.norm(single_label().features[:, None] - single_label().features, axis=2)
    np.testing.assert_allclose(
        evaluate(single_label(), distances="euclidean").per_query,
        evaluate(single_label(), distances=plain).per_query,
    )


@pytest.mark.parametrize(
    "arguments, words",
    [
        ({"gallery": make(np.ones((3, 2)), [0, 0, 0])}, "features have width"),
        ({"gallery": make(np.ones((3, 7)), np.ones((3, 2), bool))}, "labels have width"),
        ({"distances": np.zeros((3, 3))}, "distances are"),
        ({"distances": np.full((80, 80), np.nan)}, "finite"),
        ({"distances": lambda rows: np.zeros((1, 1))}, "finite"),
        ({"distances": "manhattan"}, "'cosine', 'euclidean'"),
        ({"ranking": np.zeros((3, 3), int)}, "ranking is"),
        ({"ranking": np.zeros((80, 2), int)}, "twice"),
        ({"ranking": np.full((80, 1), 80)}, "rows of the gallery"),
    ],
)
def test_what_does_not_fit_is_named(arguments, words):
    with pytest.raises(EmbeddingError, match=words):
        evaluate(single_label(), **arguments)


def test_zero_vectors_and_a_set_without_positives_are_refused():
    with pytest.raises(EmbeddingError, match="'s1'.*zero"):
        evaluate(make([[1, 0], [0, 0]], [0, 0]))
    with pytest.raises(EmbeddingError, match="no query shares"):
        evaluate(make(np.eye(3), [0, 1, 2]))
    with pytest.raises(EmbeddingError, match="no query shares"):
        evaluate(make(np.eye(3), [-1, -1, -1]))


def test_features_beyond_float32_have_cosines_but_no_euclidean_distances():
    embeddings = single_label()
    large = dataclasses.replace(embeddings, features=embeddings.features.astype(np.float64) * 1e200)
    assert evaluate(large).mAP == pytest.approx(evaluate(embeddings).mAP)
    with pytest.raises(EmbeddingError, match="features exceed 1e.36: scale them"):
        evaluate(large, distances="euclidean")


def test_labels_in_words_are_compared_as_words():
    """Each set numbers its own words: run is 0 in one and 1 in the other."""
    angles = np.radians([0, 10, 20, 90])
    points = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    queries = Embeddings(points[:1], ["run"], ["q"])
    gallery = Embeddings(points[1:], ["jump", "run", "walk"], ["a", "b", "c"])
    assert evaluate(queries, gallery).mAP == pytest.approx(1 / 2)
    assert evaluate(gallery, dataclasses.replace(gallery, ids=["d", "e", "f"])).mAP == 1
    with pytest.raises(EmbeddingError, match="words in one set and numbers in the other"):
        evaluate(queries, dataclasses.replace(gallery, actions=None))
