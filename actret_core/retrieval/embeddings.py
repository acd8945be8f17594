"""Embeddings with their labels and ids: what retrieval works on, and how they are stored."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.decomposition import PCA

from actret_core.errors import EmbeddingError
from actret_core.files import UNREADABLE, atomic_path
from actret_core.retrieval.arrays import are_words, as_array, as_float32, as_floats


@dataclass(frozen=True, eq=False)
class Embeddings:
    """One vector per sample, from arrays, lists or tensors.

    features [N, D] float (kept in the dtype given; integers and bfloat16 become float32 or wider); labels int [N]
    (negative: none of the actions), words [N], or multi-hot bool [N, C] (an all-false row: none of the actions);
    ids [N] unique strings. `groups` [N] is optional: samples of one group come from one photograph, and are left out of
    each other's rankings (VOC). Labels in words become int, the indices into `actions`: their names in sorted order.
    Raises EmbeddingError where these do not fit together or a feature is not finite.
    """

    features: np.ndarray
    labels: np.ndarray
    ids: np.ndarray
    groups: np.ndarray | None = None
    actions: np.ndarray | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "features", as_floats(as_array(self.features, "features")))
        object.__setattr__(self, "labels", as_array(self.labels, "labels"))
        for name in ("ids", "groups", "actions"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, as_array(getattr(self, name), name, np.str_))
        if self.actions is None and are_words(self.labels):
            names, indices = np.unique(self.labels.astype(np.str_), return_inverse=True)
            object.__setattr__(self, "actions", names)
            object.__setattr__(self, "labels", indices)
        _check_shapes(self)
        _check_ids(self.ids)
        check_features(self.features, self.ids)

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def labeled(self) -> np.ndarray:
        """bool [N]: whether a sample has at least one action, so that it may be a query."""
        return self.labels.any(axis=1) if self.labels.ndim == 2 else self.labels >= 0

    def normalized(self) -> np.ndarray:
        """The features at unit length, float32 [N, D]. Raises EmbeddingError for a zero vector."""
        return unit_vectors(self.features, self.ids).astype(np.float32)

    def save(self, path: str | Path) -> None:
        """Write one .npz; a file that is there already is replaced only by a complete one."""
        arrays = {"features": self.features, "labels": self.labels, "ids": self.ids}
        arrays |= {n: getattr(self, n) for n in ("groups", "actions") if getattr(self, n) is not None}
        with atomic_path(path) as temporary, open(temporary, "wb") as file:
            np.savez_compressed(file, allow_pickle=False, **arrays)

    @classmethod
    def load(cls, path: str | Path) -> "Embeddings":
        """Read what `save` wrote, features as float32 (wider only where they exceed its range).

        Raises EmbeddingError for a file that is missing, cut short or of another kind.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                features = as_float32(file["features"])
                arrays = features, file["labels"], file["ids"], file.get("groups"), file.get("actions")
        except FileNotFoundError as error:
            raise EmbeddingError(f"{path}: no such file; embed the data set first") from error
        except UNREADABLE as error:
            raise EmbeddingError(
                f"{path}: not a complete embeddings file (features, labels, ids); write it again: {error}"
            ) from error
        try:
            return cls(*arrays)
        except EmbeddingError as error:
            raise EmbeddingError(f"{path}: {error}") from error


def compress(train_features: np.ndarray, test_features: np.ndarray, dim: int = 256) -> np.ndarray:
    """The test features in fewer dimensions, float16 [N, dim], by a PCA fitted on the training features alone.

    Both sets [*, D] are L2-normalized first, since retrieval compares directions. PCA then subtracts the training
    mean, so the cosines change even where dim = D. `dim` is cut to D and to the number of training features, if they
    are less. Raises EmbeddingError for non-finite or zero vectors, or where the two sets differ in D.
    """
    if np.shape(train_features)[1:] != np.shape(test_features)[1:]:
        raise EmbeddingError(
            f"train features are {np.shape(train_features)}, test features {np.shape(test_features)}: "
            "both must be [N, D] with the same D"
        )
    train, test = unit_vectors(train_features), unit_vectors(test_features)
    pca = PCA(n_components=min(dim, *train.shape), random_state=0).fit(train)
    return pca.transform(test).astype(np.float16)


def unit_vectors(features: np.ndarray, ids: np.ndarray | None = None) -> np.ndarray:
    """float64 [N, D] rows of unit length. Raises EmbeddingError for a zero vector, which has no direction."""
    features = as_floats(as_array(features, "features"))
    check_features(features, ids)
    features = features.astype(np.float64)
    zero = np.flatnonzero(~features.any(axis=1))
    if len(zero):
        raise EmbeddingError(
            f"features of {_name(ids, zero[0])} are all zero and have no direction; embed again"
        )
    with np.errstate(over="ignore", under="ignore"):
        lengths = np.linalg.norm(features, axis=1, keepdims=True)
    extreme = np.flatnonzero((lengths < 1e-140) | ~np.isfinite(lengths))  # their squares leave float64
    features[extreme] /= np.abs(features[extreme]).max(axis=1, keepdims=True)
    lengths[extreme] = np.linalg.norm(features[extreme], axis=1, keepdims=True)
    features /= lengths
    return features


def check_features(features: np.ndarray, ids: np.ndarray | None = None) -> None:
    """Raise EmbeddingError unless features is a finite float matrix [N, D] with N, D >= 1."""
    if features.ndim != 2 or 0 in features.shape:
        raise EmbeddingError(f"features have shape {features.shape}: expected [N, D] with at least one row")
    if not np.issubdtype(features.dtype, np.floating):
        raise EmbeddingError(f"features have dtype {features.dtype}: expected a float type")
    bad = np.flatnonzero(~np.isfinite(features).all(axis=1))
    if len(bad):
        raise EmbeddingError(
            f"features of {_name(ids, bad[0])} hold NaN or inf ({len(bad)} such rows); embed them again"
        )


def _name(ids: np.ndarray | None, row: int) -> str:
    return f"row {row}" if ids is None else f"id {str(ids[row])!r} (row {row})"


def _check_shapes(embeddings: Embeddings) -> None:
    labels, count = embeddings.labels, len(embeddings.features)
    for name in ("labels", "ids", "groups"):
        array = getattr(embeddings, name)
        if array is not None and (array.ndim == 0 or len(array) != count):
            raise EmbeddingError(
                f"{name} has shape {array.shape}: expected one row for each of {count} features"
            )
    single = labels.ndim == 1 and np.issubdtype(labels.dtype, np.integer)
    if not single and not (labels.ndim == 2 and labels.dtype == bool):
        kind = f"{labels.dtype} {labels.shape}"
        raise EmbeddingError(f"labels are {kind}: expected int [N], words [N] or multi-hot bool [N, C]")
    if embeddings.actions is not None:
        _check_actions(labels, embeddings.actions)


def _check_actions(labels: np.ndarray, actions: np.ndarray) -> None:
    if labels.ndim != 1 or actions.ndim != 1 or labels.max(initial=-1) >= len(actions):
        raise EmbeddingError(f"actions are {actions.shape}: expected a name for each of the labels int [N]")
    if "" in actions:
        raise EmbeddingError("labels: '' names no action; give int labels, with -1 for a sample without an action")


def _check_ids(ids: np.ndarray) -> None:
    names, counts = np.unique(ids, return_counts=True)
    if len(names) < len(ids):
        twice = str(names[counts > 1][0])
        raise EmbeddingError(f"ids: {twice!r} stands {counts.max()} times; ids must be unique")
