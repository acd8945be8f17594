import json

import numpy as np
import pytest

from actret_core.errors import ConfigError, EmbeddingError
from actret_core.retrieval.embeddings import Embeddings
from actret_core.retrieval.index import ActionIndex


@pytest.fixture
def embeddings():
    rng = np.random.default_rng(0)
    return Embeddings(
        rng.standard_normal((40, 6)).astype(np.float32),
        np.arange(40) % 4,
        [f"run_{i:02d}" for i in range(40)],
    )


@pytest.fixture
def index(embeddings):
    return ActionIndex.build(embeddings)


def brute(embeddings, queries):
    unit = [x / np.linalg.norm(x, axis=1, keepdims=True) for x in (queries, embeddings.features)]
    return unit[0] @ unit[1].T


def test_vectors_find_their_nearest(index, embeddings):
    queries = np.random.default_rng(1).standard_normal((5, 6))
    ids, scores = index.search(queries, top=7)
    cosines = brute(embeddings, queries)
    order = np.argsort(-cosines, axis=1)[:, :7]
    assert ids.tolist() == embeddings.ids[order].tolist()
    np.testing.assert_allclose(scores, np.take_along_axis(cosines, order, axis=1), atol=1e-6)


def test_ids_find_all_but_themselves(index, embeddings):
    ids, scores = index.search(["run_03", "run_30"], top=5)
    cosines = brute(embeddings, embeddings.features)[[3, 30]]
    order = np.argsort(-cosines, axis=1)[:, 1:6]
    assert ids.tolist() == embeddings.ids[order].tolist()
    np.testing.assert_allclose(scores, np.take_along_axis(cosines, order, axis=1), atol=1e-6)


def test_an_id_among_equal_vectors_is_left_out_of_its_own_answer():
    same = ActionIndex.build(Embeddings(np.ones((6, 2), np.float32), np.zeros(6, int), list("abcdef")))
    for name in "abcdef":
        found = same.search([name], top=3)[0][0]
        assert len(set(found)) == 3 and name not in found


def test_more_than_there_is_returns_all(index):
    assert index.search(np.ones((2, 6)), top=100)[0].shape == (2, 40)
    ids, scores = index.search(["run_00"], top=100)
    assert ids.shape == scores.shape == (1, 39) and "run_00" not in ids


def test_a_saved_index_answers_alike(index, tmp_path):
    index.save(tmp_path / "new" / "test.faiss")
    again = ActionIndex.load(tmp_path / "new" / "test.faiss")
    for before, after in zip(index.search(["run_07"]), again.search(["run_07"]), strict=True):
        np.testing.assert_array_equal(before, after)
    assert sorted(p.name for p in (tmp_path / "new").iterdir()) == ["test.faiss", "test.faiss.json"]
    assert (len(again), again.dim) == (40, 6)


@pytest.mark.parametrize("name", ["test.faiss", "test.faiss.json"])
@pytest.mark.parametrize("keep", [0, 0.5, 0.99])
def test_a_cut_file_is_refused(index, tmp_path, name, keep):
    index.save(tmp_path / "test.faiss")
    whole = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(whole[: int(len(whole) * keep)])
    with pytest.raises(EmbeddingError, match=name):
        ActionIndex.load(tmp_path / "test.faiss")


@pytest.mark.parametrize("name", ["test.faiss", "test.faiss.json"])
def test_a_missing_file_is_refused(index, tmp_path, name):
    index.save(tmp_path / "test.faiss")
    (tmp_path / name).unlink()
    with pytest.raises(EmbeddingError, match=name):
        ActionIndex.load(tmp_path / "test.faiss")


def test_another_indexs_ids_are_refused(index, tmp_path):
    index.save(tmp_path / "test.faiss")
    sidecar = json.loads((tmp_path / "test.faiss.json").read_text())
    for ids, words in [(sidecar["ids"][:-1], "40 vectors"), (["run_00"] + sidecar["ids"][:-1], "twice")]:
        (tmp_path / "test.faiss.json").write_text(json.dumps(sidecar | {"ids": ids}))
        with pytest.raises(EmbeddingError, match=words):
            ActionIndex.load(tmp_path / "test.faiss")


def test_bad_queries_are_named(index):
    with pytest.raises(EmbeddingError, match="did you mean 'run_03'"):
        index.search(["run_003"])
    with pytest.raises(EmbeddingError, match=r"\[\*, 6\]"):
        index.search(np.ones((2, 5)))
    with pytest.raises(EmbeddingError, match="NaN"):
        index.search(np.full((2, 6), np.nan))
    with pytest.raises(EmbeddingError, match="zero"):
        index.search(np.zeros((2, 6)))
    with pytest.raises(ConfigError, match="top"):
        index.search(np.ones((2, 6)), top=0)
