import json
import subprocess
import sys

import faiss
import numpy as np
import pytest
import torch

from actret_core.errors import ConfigError, EmbeddingError
from actret_core.retrieval.embeddings import Embeddings
from actret_core.retrieval.index.index import ActionIndex
from actret_core.retrieval.index.index_kinds import IndexConfig

CONFIGS = {
    "flat": IndexConfig("flat"),
    "hnsw": IndexConfig("hnsw"),
    "ivfpq": IndexConfig("ivfpq", code_bytes=6, lists=8, probes=8, refine=40),
}


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


@pytest.mark.parametrize(
    "form", [torch.tensor, np.ndarray.tolist, list, lambda q: torch.tensor(q, requires_grad=True), np.asfortranarray]
)
def test_vectors_may_be_tensors_or_lists(index, form):
    queries = np.random.default_rng(1).standard_normal((3, 6))
    for found, expected in zip(index.search(form(queries)), index.search(queries), strict=True):
        np.testing.assert_array_equal(found, expected)
    whole = np.eye(3, 6, dtype=np.int64)
    np.testing.assert_array_equal(index.search(whole)[0], index.search(whole.astype(float))[0])


@pytest.mark.parametrize("queries", [7, [3, 5], [["run_03"], [2]], [None], {"run_03"}])
def test_what_is_neither_vectors_nor_ids_is_named(index, queries):
    with pytest.raises(EmbeddingError, match="queries|features"):
        index.search(queries)


def test_a_single_string_is_one_id():
    index = ActionIndex.build(Embeddings(np.eye(3), [0, 0, 0], ["1", "2", "12"]))
    assert index.search("12")[0].shape == (1, 2)
    index.remove("12")
    assert index.ids.tolist() == ["1", "2"]
    with pytest.raises(EmbeddingError, match="id '12' is not in the index"):
        index.remove("12")
    index.remove([1])  # ids are strings, as Embeddings makes them
    assert index.ids.tolist() == ["2"]


def many(n=400, seed=0, prefix="s"):
    features = np.random.default_rng(seed).standard_normal((n, 6)).astype(np.float32)
    return Embeddings(features, np.arange(n) % 4, [f"{prefix}{i}" for i in range(n)])


def best(embeddings, names, queries, top):
    """The ids of the nearest, among `names` only."""
    kept = np.isin(embeddings.ids, names)
    cosines = np.where(kept, brute(embeddings, queries), -2)
    return embeddings.ids[np.argsort(-cosines, axis=1)[:, :top]].tolist()


def recall(found, expected):
    return np.mean([len(set(a) & set(b)) / len(b) for a, b in zip(found, expected, strict=True)])


@pytest.fixture(params=CONFIGS.values(), ids=CONFIGS.keys())
def config(request):
    return request.param


def test_every_kind_finds_the_nearest(config):
    embeddings = many()
    index = ActionIndex.build(embeddings, config)
    queries = np.random.default_rng(1).standard_normal((30, 6))
    ids, scores = index.search(queries, top=5)
    assert recall(ids, best(embeddings, embeddings.ids, queries, 5)) > 0.97
    assert (np.diff(scores, axis=1) <= 0).all()
    ids, _ = index.search(["s3", "s77"], top=5)
    assert ids.shape == (2, 5) and "s3" not in ids[0] and "s77" not in ids[1]


@pytest.mark.parametrize("mapped", [False, True])
def test_removed_items_are_found_no_more(config, mapped, tmp_path):
    embeddings = many()
    ActionIndex.build(embeddings, config).save(tmp_path / "x.faiss")
    index = ActionIndex.load(tmp_path / "x.faiss", mapped=mapped)
    index.remove([f"s{i}" for i in range(0, 400, 2)])
    index.remove(["s1"])
    left = [f"s{i}" for i in range(3, 400, 2)]
    assert len(index) == 199 and index.ids.tolist() == left
    queries = np.random.default_rng(1).standard_normal((30, 6))
    before = index.search(queries, top=5)[0]
    assert recall(before, best(embeddings, left, queries, 5)) > 0.97
    assert sorted(index.search(queries[:1], top=400)[0][0]) == sorted(left)  # all that are left, whatever the kind
    with pytest.raises(EmbeddingError, match="'s2' is not in the index"):
        index.search(["s2"])
    with pytest.raises(EmbeddingError, match="'s1' is not in the index"):
        index.remove(["s3", "s1"])
    assert len(index) == 199
    if config.kind == "ivfpq":  # too few are left to learn codes from
        with pytest.raises(EmbeddingError, match="at least 256"):
            index.rebuild()
    else:
        index.rebuild()
        assert index._index.ntotal == 199
    assert recall(index.search(queries, top=5)[0], before.tolist()) > 0.97


def test_what_was_removed_stays_removed_in_a_saved_index(config, tmp_path):
    index = ActionIndex.build(many(), config)
    index.remove(["s3"])
    index.save(tmp_path / "x.faiss")
    again = ActionIndex.load(tmp_path / "x.faiss")
    assert len(again) == 399 and "s3" not in again.ids
    np.testing.assert_array_equal(again.search(["s5"])[0], index.search(["s5"])[0])


def test_added_items_are_found_and_an_id_may_come_back(config):
    index, more = ActionIndex.build(many(), config), many(30, seed=9, prefix="new")
    index.add(more)
    assert len(index) == 430 and index.ids[-1] == "new29"
    found, scores = index.search(more.features.astype(np.float64), top=1)
    assert found[:, 0].tolist() == more.ids.tolist()
    np.testing.assert_allclose(scores, 1, atol=1e-5)
    index.remove(["new7"])
    index.add(Embeddings(-more.features[7:8], more.labels[7:8], ["new7"]))
    assert index.search(-more.features[7:8], top=1)[0][0, 0] == "new7" and len(index) == 430


def test_what_cannot_be_added_is_named(index, embeddings, tmp_path):
    other = many(3)
    with pytest.raises(EmbeddingError, match="'run_00' is in the index already"):
        index.add(embeddings)
    with pytest.raises(EmbeddingError, match=r"\[\*, 6\]"):
        index.add(Embeddings(np.ones((1, 5), np.float32), [0], ["a"]))
    with pytest.raises(EmbeddingError, match="zero"):
        index.add(Embeddings(np.zeros((1, 6), np.float32), [0], ["a"]))
    assert len(index) == 40
    index.save(tmp_path / "x.faiss")
    mapped = ActionIndex.load(tmp_path / "x.faiss", mapped=True)
    with pytest.raises(EmbeddingError, match="mapped"):
        mapped.add(other)
    mapped.rebuild()
    mapped.add(other)
    assert len(mapped) == 43


def test_a_mapped_index_answers_alike(config, tmp_path):
    index = ActionIndex.build(many(), config)
    index.save(tmp_path / "x.faiss")
    mapped = ActionIndex.load(tmp_path / "x.faiss", mapped=True)
    for before, after in zip(index.search(["s7", "s8"]), mapped.search(["s7", "s8"]), strict=True):
        np.testing.assert_array_equal(before, after)
    mapped.save(tmp_path / "x.faiss")  # over the file that it reads from
    np.testing.assert_array_equal(mapped.search(["s7"])[0], ActionIndex.load(tmp_path / "x.faiss").search(["s7"])[0])


def test_another_models_embeddings_are_refused(embeddings, tmp_path):
    index = ActionIndex.build(embeddings, model="sha-one")
    index.save(tmp_path / "x.faiss")
    assert ActionIndex.load(tmp_path / "x.faiss").model == "sha-one"
    assert len(ActionIndex.load(tmp_path / "x.faiss", model="sha-one")) == 40
    with pytest.raises(EmbeddingError, match="x.faiss.*'sha-one', not of 'sha-two'"):
        ActionIndex.load(tmp_path / "x.faiss", model="sha-two")
    with pytest.raises(EmbeddingError, match="'sha-one', not of 'sha-two'"):
        index.add(many(3), model="sha-two")
    index.add(many(3), model="sha-one")
    assert len(index) == 43


def test_an_empty_index_says_so(config):
    index = ActionIndex.build(many(), config)
    index.remove(index.ids)
    assert len(index) == 0
    for call in (lambda: index.search(np.ones((1, 6))), index.rebuild):
        with pytest.raises(EmbeddingError, match="empty"):
            call()


def test_without_a_gpu_that_is_said(index, config, monkeypatch):
    monkeypatch.setattr(faiss, "get_num_gpus", lambda: 0)
    with pytest.raises(ConfigError, match="no GPU"):
        index.to_gpu()
    if config.kind != "flat":
        with pytest.raises(ConfigError, match="'flat' on a GPU"):
            ActionIndex.build(many(), config).to_gpu()


def test_the_gpu_is_asked_until_the_index_changes(index, monkeypatch):
    """A stand-in for the GPU: an index that knows one answer."""
    answers = faiss.IndexFlatIP(6)
    answers.add(np.ones((40, 6), np.float32))
    monkeypatch.setattr(faiss, "get_num_gpus", lambda: 1)
    monkeypatch.setattr(faiss, "index_cpu_to_all_gpus", lambda own: answers, raising=False)
    query = -np.ones((1, 6))
    plain = index.search(query, top=1)
    index.to_gpu()
    assert index.search(query, top=1)[1][0, 0] == pytest.approx(-(6**0.5))
    index.add(many(1, seed=5))
    np.testing.assert_array_equal(index.search(query, top=1)[0], plain[0])


def test_all_of_this_holds_where_another_library_has_replaced_parts_of_faiss():
    """pytorch-metric-learning imports this module of FAISS, which changes the class of every index in the process."""
    program = "import sys, faiss.contrib.torch_utils, pytest; sys.exit(pytest.main(sys.argv[1:]))"
    options = ["-q", "-p", "no:cacheprovider", "-k", "not another_library", __file__]
    done = subprocess.run([sys.executable, "-c", program, *options], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
