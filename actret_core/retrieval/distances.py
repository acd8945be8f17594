"""Distances between embeddings, and the neighbors they imply, with ties that do not depend on the machine."""

import numpy as np


def dot_products(queries: np.ndarray, gallery: np.ndarray) -> np.ndarray:
    """Inner products float32 [Q, G], summed in float64.

    The sums are rounded to float32 at the end. So equal vectors get equal products, in whatever order the matrix
    library adds, and "ties are broken by index" means the same on every machine.
    """
    return (np.asarray(queries, np.float64) @ np.asarray(gallery, np.float64).T).astype(np.float32)


def cosine_distances(queries: np.ndarray, gallery: np.ndarray) -> np.ndarray:
    """1 - cosine, float32 [Q, G], of rows that have unit length already."""
    return 1 - dot_products(queries, gallery)


def squared_unit_distances(queries: np.ndarray, gallery: np.ndarray) -> np.ndarray:
    """Squared Euclidean distances float32 [Q, G] of rows of unit length: 2 - 2 cosine, never negative."""
    return squared_from_cosines(dot_products(queries, gallery))


def squared_from_cosines(cosines: np.ndarray) -> np.ndarray:
    """2 - 2 cosine as float32, never negative: squared distances between points of unit length."""
    return np.maximum(2 - 2 * cosines.astype(np.float32, copy=False), 0)


def euclidean_distances(queries: np.ndarray, gallery: np.ndarray) -> np.ndarray:
    """Euclidean distances float32 [Q, G] of rows of any length."""
    queries, gallery = np.asarray(queries, np.float64), np.asarray(gallery, np.float64)
    squares = (queries**2).sum(axis=1)[:, None] + (gallery**2).sum(axis=1)
    return np.sqrt(np.maximum(squares - 2 * queries @ gallery.T, 0)).astype(np.float32)


def nearest(distances: np.ndarray, k: int | None = None) -> np.ndarray:
    """Indices [Q, k] of the k smallest of each row of distances [Q, G], smallest first, ties by index.

    Distances are compared as float32.
    """
    values = np.asarray(distances, np.float32)
    if k is None or k >= values.shape[1]:
        return _sorted_columns(sortable_keys(values))
    within = values <= np.partition(values, k - 1, axis=1)[:, k - 1 : k]
    tied = np.count_nonzero(within, axis=1) > k  # several at the distance of the k-th: here the index decides
    out = np.empty((len(values), k), dtype=np.int64)
    out[tied] = _sorted_columns(sortable_keys(values[tied]))[:, :k]
    columns = (np.flatnonzero(within[~tied]) % values.shape[1]).reshape(-1, k)
    out[~tied] = _sorted_columns(sortable_keys(np.take_along_axis(values[~tied], columns, axis=1), columns))
    return out


def sortable_keys(distances: np.ndarray, columns: np.ndarray | None = None) -> np.ndarray:
    """int64 [Q, G] that order like (distance, column): the bits of the float32 above those of the column.

    A plain sort of such keys is much faster than a stable argsort. `columns` [Q, G] or [G] default to 0, 1, ..., G - 1.
    """
    bits = (np.asarray(distances, np.float32) + np.float32(0)).view(np.int32)  # + 0 turns -0 into 0
    keys = _flip_negatives(bits).astype(np.int64)
    keys <<= 32
    keys |= np.arange(keys.shape[1]) if columns is None else columns
    return keys


def split_keys(keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The distances float32 and the columns int32 that sortable keys [Q, G] were made of."""
    return _flip_negatives((keys >> 32).astype(np.int32)).view(np.float32), (keys & 0xFFFFFFFF).astype(np.int32)


def _flip_negatives(bits: np.ndarray) -> np.ndarray:
    """The bits of floats, int32, so that they order like the floats: those of negative numbers, all but the sign, are
    flipped. Applied twice, it gives the same bits back."""
    return bits ^ ((bits >> 31) & 0x7FFFFFFF)


def _sorted_columns(keys: np.ndarray) -> np.ndarray:
    return np.sort(keys, axis=1) & 0xFFFFFFFF
