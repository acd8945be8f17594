import numpy as np
import pytest

from actret_core.errors import ConfigError, EmbeddingError
from actret_core.retrieval.expansion import augment_database, expand_queries


def naive(queries, gallery, top, alpha, itself):
    """One query at a time; `itself`: query i is gallery item i."""
    unit = [np.asarray(x, float) / np.linalg.norm(x, axis=1, keepdims=True) for x in (queries, gallery)]
    out = []
    for i, q in enumerate(unit[0]):
        cosines = unit[1] @ q
        order = [j for j in np.argsort(-cosines.round(6), kind="stable") if not (itself and j == i)][:top]
        moved = q + sum(max(cosines[j], 0.0) ** alpha * unit[1][j] for j in order)
        out.append(moved / np.linalg.norm(moved))
    return np.array(out)


@pytest.mark.parametrize("top, alpha", [(1, 3.0), (5, 0.0), (5, 2.5), (500, 3.0)])
def test_a_query_moves_toward_its_neighbors(clustered, top, alpha):
    queries, gallery = clustered[:20], clustered[20:]
    ours = expand_queries(queries, gallery, top=top, alpha=alpha)
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, naive(queries, gallery, top, alpha, False), atol=1e-6)


@pytest.mark.parametrize("top", [1, 5, 500])
@pytest.mark.parametrize("expand", [expand_queries, augment_database])
def test_in_one_set_nobody_is_its_own_neighbor(clustered, expand, top):
    np.testing.assert_allclose(expand(clustered, top=top), naive(clustered, clustered, top, 3.0, True), atol=1e-6)


def test_equal_points_stay_where_they_are():
    same = np.full((9, 3), 2.0)
    np.testing.assert_allclose(augment_database(same, top=2), np.full((9, 3), 3**-0.5), atol=1e-6)


def test_opposite_neighbors_have_no_say():
    np.testing.assert_allclose(expand_queries(np.array([[2.0, 0]]), np.array([[-1.0, 0.0]])), [[1, 0]])


def test_chunks_do_not_change_the_result(clustered, monkeypatch):
    whole = augment_database(clustered, top=4)
    monkeypatch.setattr("actret_core.retrieval.threads.CHUNK_ELEMENTS", 50)
    np.testing.assert_allclose(augment_database(clustered, top=4), whole, atol=1e-6)


def test_clusters_become_tighter(clustered):
    """What it is for: the mean cosine to the nearest five rises."""

    def closeness(x):
        x = x / np.linalg.norm(x, axis=1, keepdims=True)
        return np.sort(x @ x.T, axis=1)[:, -6:-1].mean()

    assert closeness(augment_database(clustered, top=5)) > closeness(clustered)


def test_bad_input_is_named(clustered):
    for bad, words in ({"top": 0}, "top"), ({"alpha": -1.0}, "alpha"), ({"alpha": np.nan}, "alpha"):
        with pytest.raises(ConfigError, match=words):
            expand_queries(clustered, **bad)
    with pytest.raises(EmbeddingError, match="both must be"):
        expand_queries(clustered, clustered[:, :3])
    with pytest.raises(EmbeddingError, match="no neighbors"):
        augment_database(clustered[:1])
    with pytest.raises(EmbeddingError, match="at least one row"):
        expand_queries(clustered, clustered[:0])
    clustered[4] = 0
    with pytest.raises(EmbeddingError, match="row 4 are all zero"):
        augment_database(clustered)
