import dataclasses

import numpy as np
import pytest
import torch

from actret_core.errors import EmbeddingError
from actret_core.files import atomic_path
from actret_core.retrieval.embeddings import Embeddings, compress


def example(**changes):
    rng = np.random.default_rng(0)
    values = {
        "features": rng.standard_normal((6, 4)).astype(np.float16),
        "labels": np.arange(6) % 3,
        "ids": [f"waving_{i:03d}" for i in range(6)],
    }
    return Embeddings(**(values | changes))


@pytest.mark.parametrize("labels", [np.array([0, 1, -1, 2, 0, 1]), np.eye(6, 3, dtype=bool)])
@pytest.mark.parametrize("groups", [None, list("aabbcc")])
def test_a_saved_file_comes_back(tmp_path, labels, groups):
    before = example(labels=labels, groups=groups)
    before.save(tmp_path / "new" / "test.npz")
    after = Embeddings.load(tmp_path / "new" / "test.npz")
    assert after.features.dtype == np.float32
    np.testing.assert_array_equal(after.features, before.features.astype(np.float32))
    np.testing.assert_array_equal(after.labels, labels)
    assert after.ids.tolist() == before.ids.tolist()
    assert (after.groups is None) if groups is None else (after.groups.tolist() == groups)
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["test.npz"]


def test_the_file_keeps_the_dtype_given(tmp_path):
    example().save(tmp_path / "test.npz")
    with np.load(tmp_path / "test.npz") as file:
        assert file["features"].dtype == np.float16


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "test.npz"
    example().save(path)
    old = path.read_bytes()
    with pytest.raises(RuntimeError), atomic_path(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_bytes() == old
    assert len(list(tmp_path.iterdir())) == 1


def test_a_cut_file_is_refused_wherever_it_is_cut(tmp_path):
    example().save(tmp_path / "test.npz")
    whole = (tmp_path / "test.npz").read_bytes()
    for length in range(0, len(whole), 40):
        (tmp_path / "cut.npz").write_bytes(whole[:length])
        with pytest.raises(EmbeddingError, match="cut.npz"):
            Embeddings.load(tmp_path / "cut.npz")


def test_a_damaged_file_is_refused(tmp_path):
    example().save(tmp_path / "test.npz")
    whole = bytearray((tmp_path / "test.npz").read_bytes())
    whole[90] ^= 0xFF
    (tmp_path / "test.npz").write_bytes(whole)
    with pytest.raises(EmbeddingError, match="test.npz"):
        Embeddings.load(tmp_path / "test.npz")


def test_foreign_files_are_refused(tmp_path):
    with pytest.raises(EmbeddingError, match="no such file"):
        Embeddings.load(tmp_path / "absent.npz")
    np.savez(tmp_path / "other.npz", x=np.ones(3))
    np.savez(
        tmp_path / "pickled.npz",
        features=np.ones((1, 2)),
        labels=np.zeros(1, int),
        ids=np.array(["a"], object),
    )
    np.save(tmp_path / "array.npy", np.ones(3))
    np.savez(tmp_path / "lengths.npz", features=np.ones((2, 2)), labels=np.zeros(2, int), ids=np.array(["a"]))
    for name in ("other.npz", "pickled.npz", "array.npy", "lengths.npz"):
        with pytest.raises(EmbeddingError, match=name):
            Embeddings.load(tmp_path / name)


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"features": np.ones((5, 4), np.float32)}, "labels has shape"),
        ({"ids": ["a"]}, "ids has shape"),
        ({"groups": ["a"]}, "groups has shape"),
        ({"labels": np.zeros(4, int)}, "labels has shape"),
        ({"labels": np.zeros(6)}, "expected int"),
        ({"labels": np.zeros((6, 2), int)}, "multi-hot bool"),
        ({"ids": list("abcdab")}, "'a' stands 2 times"),
        ({"features": np.ones((6, 4), bool)}, "float type"),
        ({"features": [[1.0, 2.0], [3.0]] * 3}, "features: cannot be an array"),
        ({"labels": ["run", ""] * 3}, "'' names no action"),
        ({"actions": ["run", "walk"]}, "actions are"),
        ({"features": np.ones(6)}, r"expected \[N, D\]"),
        ({"features": np.ones((6, 0))}, r"expected \[N, D\]"),
        ({"features": np.ones((0, 4)), "labels": np.zeros(0, int), "ids": []}, "at least one row"),
    ],
)
def test_what_does_not_fit_is_named(changes, words):
    with pytest.raises(EmbeddingError, match=words):
        example(**changes)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_the_first_id_that_is_not_finite_is_named(value):
    features = np.ones((6, 4), np.float32)
    features[[2, 4], 1] = value
    with pytest.raises(EmbeddingError, match=r"'waving_002' \(row 2\).*2 such rows"):
        example(features=features)


def test_normalized_has_unit_rows_and_refuses_a_zero_vector():
    np.testing.assert_allclose(np.linalg.norm(example().normalized(), axis=1), 1, atol=1e-6)
    features = np.ones((6, 4), np.float32)
    features[1] = 0
    with pytest.raises(EmbeddingError, match="waving_001.*all zero"):
        example(features=features).normalized()


def test_labeled_leaves_out_samples_without_an_action():
    assert example(labels=np.array([0, -1, 2, 0, 0, -1])).labeled.tolist() == [
        True,
        False,
        True,
        True,
        True,
        False,
    ]
    hot = np.array([[1, 0], [0, 0], [1, 1]] * 2, dtype=bool)
    assert example(labels=hot).labeled.tolist() == [True, False, True] * 2


def test_groups_can_be_dropped():
    assert dataclasses.replace(example(groups=list("aabbcc")), groups=None).groups is None


def test_compress_is_a_pca_of_the_unit_vectors_fitted_on_the_training_set():
    rng = np.random.default_rng(0)
    train, test = rng.standard_normal((40, 8)) + 1, rng.standard_normal((9, 8))
    small = compress(train, test, dim=3)
    unit = [x / np.linalg.norm(x, axis=1, keepdims=True) for x in (train, test)]
    axes = np.linalg.svd(unit[0] - unit[0].mean(axis=0), full_matrices=False)[2][:3]
    expected = (unit[1] - unit[0].mean(axis=0)) @ axes.T
    assert small.dtype == np.float16
    np.testing.assert_allclose(np.abs(small), np.abs(expected), atol=2e-3)  # an axis has no sign


def test_compress_keeps_distances_when_nothing_is_cut_and_shrinks_dim_to_fit():
    rng = np.random.default_rng(0)
    train, test = rng.standard_normal((40, 8)), rng.standard_normal((9, 8))
    small = compress(train, test, dim=256).astype(np.float64)
    unit = test / np.linalg.norm(test, axis=1, keepdims=True)
    assert small.shape == (9, 8)
    gaps = [np.linalg.norm(x[:, None] - x[None], axis=2) for x in (small, unit)]
    np.testing.assert_allclose(*gaps, atol=3e-3)


def test_compress_refuses_other_dimensions_and_nan():
    with pytest.raises(EmbeddingError, match="the same D"):
        compress(np.ones((4, 3)), np.ones((4, 2)))
    with pytest.raises(EmbeddingError, match="NaN"):
        compress(np.full((4, 3), np.nan), np.ones((4, 3)))


ROWS = [[3.0, 4.0], [0.0, 2.0], [1.0, 0.0]]


@pytest.mark.parametrize(
    "features",
    [
        ROWS,
        [np.array(row) for row in ROWS],
        torch.tensor(ROWS),
        torch.tensor(ROWS, requires_grad=True),
        torch.tensor(ROWS, dtype=torch.bfloat16, requires_grad=True),
        [torch.tensor(row, requires_grad=True) for row in ROWS],
        torch.tensor(ROWS).to(torch.int8),
        np.array(ROWS, np.int8),
        np.array(ROWS, np.uint64),
        np.array(ROWS) * 1e200,
        np.array(ROWS) * 1e-200,
    ],
)
def test_features_of_every_kind_have_their_directions(features, tmp_path):
    before = Embeddings(features, torch.tensor([0, 1, 0]), ["a", "b", "c"])
    before.save(tmp_path / "x.npz")
    for embeddings in (before, Embeddings.load(tmp_path / "x.npz")):
        assert np.issubdtype(embeddings.features.dtype, np.floating) and embeddings.labels.tolist() == [0, 1, 0]
        np.testing.assert_allclose(embeddings.normalized(), [[0.6, 0.8], [0, 1], [1, 0]], rtol=1e-6)


def test_ordinary_features_are_read_as_float32(tmp_path):
    Embeddings(np.ones((2, 2)), [0, 0], ["a", "b"]).save(tmp_path / "x.npz")
    assert Embeddings.load(tmp_path / "x.npz").features.dtype == np.float32


@pytest.mark.parametrize("labels", [["walk", "run", "walk"], np.array(["walk", "run", "walk"], object)])
def test_labels_in_words_are_numbered_in_sorted_order(labels, tmp_path):
    before = Embeddings(ROWS, labels, ["a", "b", "c"])
    before.save(tmp_path / "x.npz")
    for embeddings in (before, Embeddings.load(tmp_path / "x.npz"), dataclasses.replace(before, groups=None)):
        assert embeddings.labels.tolist() == [1, 0, 1] and embeddings.actions.tolist() == ["run", "walk"]
