"""Distances between embeddings, and the neighbors they imply, with ties that do not depend on the machine."""

import numpy as np


def dot_products(queries: np.ndarray, gallery: np.ndarray) -> np.ndarray:
    """Inner products float32 [Q, G], summed in float64.

    The sums are rounded to float32 at the end, so that equal vectors get equal products whatever order the
    matrix library adds in: only then does "ties are broken by index" mean anything.
    """
    return (np.asarray(queries, np.float64) @ np.asarray(gallery, np.float64).T).astype(np.float32)


def cosine_distances(queries: np.ndarray, gallery: np.ndarray) -> np.ndarray:
    """1 - cosine, float32 [Q, G], of rows that have unit length already."""
    return 1 - dot_products(queries, gallery)


def squared_unit_distances(queries: np.ndarray, gallery: np.ndarray) -> np.ndarray:
    """Squared Euclidean distances float32 [Q, G] of rows of unit length: 2 - 2 cosine, never negative."""
    return np.maximum(2 - 2 * dot_products(queries, gallery), 0)


def euclidean_distances(queries: np.ndarray, gallery: np.ndarray) -> np.ndarray:
    """Euclidean distances float32 [Q, G] of rows of any length."""
    queries, gallery = np.asarray(queries, np.float64), np.asarray(gallery, np.float64)
    squares = (queries**2).sum(axis=1)[:, None] + (gallery**2).sum(axis=1)
    return np.sqrt(np.maximum(squares - 2 * queries @ gallery.T, 0)).astype(np.float32)


def nearest(distances: np.ndarray, k: int | None = None) -> np.ndarray:
    """Indices [Q, k] of the k smallest of each row of distances [Q, G], smallest first, ties by index.

    Distances are compared as float32. Each is packed with its index into one integer: then a plain partition
    and sort, much faster than a stable argsort, keeps the order of ties.
    """
    keys = _sortable_bits(distances) << np.uint64(32) | np.arange(distances.shape[1], dtype=np.uint64)
    if k is not None and k < distances.shape[1]:
        keys = np.partition(keys, k - 1, axis=1)[:, :k]
    keys = np.sort(keys, axis=1)
    return (keys & np.uint64(0xFFFFFFFF)).astype(np.int64)


def _sortable_bits(distances: np.ndarray) -> np.ndarray:
    """uint64 that orders like the float32 given: flip all bits of a negative, the sign bit of the others."""
    values = np.ascontiguousarray(distances, np.float32) + np.float32(0)  # + 0 turns -0 into 0
    bits = values.view(np.uint32)
    flip = np.where(bits >> 31, np.uint32(0xFFFFFFFF), np.uint32(0x80000000))
    return (bits ^ flip).astype(np.uint64)
