import faiss
import numpy as np
import pytest

from actret_core.errors import ConfigError, EmbeddingError
from actret_core.retrieval.embeddings import unit_vectors
from actret_core.retrieval.index.index_kinds import (
    IndexConfig, exact_parameters, make_index, search_parameters, search_with, stored_vectors,
)

CONFIGS = [IndexConfig("flat"), IndexConfig("hnsw"), IndexConfig("ivfpq", code_bytes=8, lists=16, probes=8)]


@pytest.fixture(scope="module")
def vectors():
    rng = np.random.default_rng(0)
    centers = rng.standard_normal((30, 16))[rng.integers(0, 30, 1500)]
    return unit_vectors(centers + 0.5 * rng.standard_normal((1500, 16))).astype(np.float32)


@pytest.fixture(scope="module", params=CONFIGS, ids=lambda config: config.kind)
def built(request, vectors):
    return request.param, make_index(request.param, vectors)


def best(vectors, allowed, top=10):
    cosines = np.where(allowed, vectors[:50] @ vectors.T, -2)
    return np.argsort(-cosines, axis=1)[:, :top]


def recall(found, expected):
    return np.mean([len(set(a) & set(b)) / len(b) for a, b in zip(found, expected, strict=True)])


def test_finds_the_nearest_with_their_cosines(built, vectors):
    config, index = built
    scores, rows = search_with(index, vectors[:50], 10, search_parameters(config, np.empty(0, np.int64)))
    share = recall(rows, best(vectors, np.ones(1500, bool)))
    assert share == 1 if config.kind == "flat" else share > 0.95
    np.testing.assert_allclose(scores, np.einsum("qd,qkd->qk", vectors[:50], vectors[rows]), atol=1e-5)


def test_hidden_rows_are_passed_over(built, vectors):
    config, index = built
    hidden = np.arange(0, 1500, 2)
    rows = search_with(index, vectors[:50], 10, search_parameters(config, hidden))[1]
    assert (rows[rows >= 0] % 2 == 1).all()
    assert recall(rows, best(vectors, np.arange(1500) % 2 == 1)) > 0.9


def test_the_stored_vectors_are_the_vectors(built, vectors):
    stored = stored_vectors(built[1])
    np.testing.assert_array_equal(stored.reconstruct_batch(np.arange(1500)), vectors)
    rows = search_with(stored, vectors[:50], 10, exact_parameters(np.arange(1490)))[1]
    assert np.sort(rows, axis=1).tolist() == [list(range(1490, 1500))] * 50


@pytest.mark.parametrize(
    "field, value",
    [("kind", "lsh"), ("links", 1), ("build_effort", 0), ("effort", 0), ("lists", -1), ("probes", 0)]
    + [("code_bytes", -1), ("refine", 0)],
)
def test_bad_settings_are_named(field, value):
    with pytest.raises(ConfigError, match=field):
        IndexConfig(**{field: value})


def test_what_ivfpq_cannot_do_is_said(vectors):
    with pytest.raises(ConfigError, match="code_bytes=5: expected a divisor of 16"):
        make_index(IndexConfig("ivfpq", code_bytes=5), vectors)
    with pytest.raises(EmbeddingError, match="at least 256 vectors, and there are 255"):
        make_index(IndexConfig("ivfpq", code_bytes=8), vectors[:255])


def test_ivfpq_is_silent_on_few_vectors(vectors, capfd):
    make_index(IndexConfig("ivfpq", code_bytes=8), vectors[:300])
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("dim, code_bytes", [(16, 4), (10, 2), (7, 1), (3, 1)])
def test_by_default_a_byte_stands_for_four_dimensions_or_more(dim, code_bytes):
    index = make_index(IndexConfig("ivfpq"), np.random.default_rng(0).standard_normal((300, dim)).astype(np.float32))
    assert faiss.downcast_index(index.base_index).pq.M == code_bytes
