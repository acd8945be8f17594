"""Exact nearest neighbors among unit vectors: candidates by FAISS in float32, the order in float64."""

import faiss
import numpy as np

from actret_core.retrieval.distances import nearest, sortable_keys, squared_from_cosines, squared_unit_distances
from actret_core.retrieval.threads import CHUNK_ELEMENTS, map_chunks, rows_per_chunk

MARGIN = 32  # candidates beyond k, so that rounding leaves few rows in doubt


def exact_neighbors(
    queries: np.ndarray,
    gallery: np.ndarray,
    k: int,
    scale: np.ndarray | None = None,
    limit: int = CHUNK_ELEMENTS,
) -> tuple[np.ndarray, np.ndarray]:
    """The min(k, G) nearest of each query: gallery rows int64 [Q, k] and squared distances float32 [Q, k].

    queries [Q, D] and gallery [G, D] are float64 of unit length. Nearest first, ties by index. Distances are summed in
    float64 and compared as float32; those of a row are divided by its `scale` [Q], if given. FAISS sums in float32, so
    the distances of its candidates are computed again. Where its rounding could have hidden a neighbor, as with many
    equal distances, the row is searched in float64 from end to end, with at most `limit` pairs held at a time.
    """
    k = min(k, len(gallery))
    scale = np.ones(len(queries), np.float32) if scale is None else scale
    if k + MARGIN >= len(gallery):
        return _search_all(queries, gallery, k, scale, limit)
    index = faiss.IndexFlatIP(gallery.shape[1])
    index.add(gallery.astype(np.float32))
    cosines, candidates = index.search(queries.astype(np.float32), k + MARGIN)
    del index
    found, distances = _sorted_candidates(queries, gallery, candidates, scale)
    found, distances = found[:, :k], distances[:, :k]
    # A float32 sum of the D products of two unit vectors is wrong by at most D roundings, in whatever order.
    rounding = (gallery.shape[1] + 16) * 2.0**-24
    # No item outside the candidates is nearer than this.
    unseen = (2 - 2 * (cosines[:, -1].astype(np.float64) + rounding)) / scale
    doubtful = np.flatnonzero(unseen <= distances[:, -1])
    found[doubtful], distances[doubtful] = _search_all(queries[doubtful], gallery, k, scale[doubtful], limit)
    return found, distances


def listed_distances(queries: np.ndarray, gallery: np.ndarray, lists: np.ndarray) -> np.ndarray:
    """Squared distances float32 [Q, k] of queries [Q, D] to the gallery rows in their lists [Q, k]."""

    def some(rows: slice) -> np.ndarray:
        return squared_from_cosines((gallery[lists[rows]] @ queries[rows, :, None])[..., 0])

    size = rows_per_chunk(lists.shape[1] * gallery.shape[1])
    return np.concatenate(map_chunks(some, len(queries), size) or [np.empty(lists.shape, np.float32)])


def _sorted_candidates(
    queries: np.ndarray, gallery: np.ndarray, candidates: np.ndarray, scale: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Candidates [Q, k] and their distances, sorted by (distance, index)."""
    distances = listed_distances(queries, gallery, candidates) / scale[:, None]
    order = np.argsort(sortable_keys(distances, candidates), axis=1)
    return np.take_along_axis(candidates, order, axis=1), np.take_along_axis(distances, order, axis=1)


def _search_all(
    queries: np.ndarray, gallery: np.ndarray, k: int, scale: np.ndarray, limit: int
) -> tuple[np.ndarray, np.ndarray]:
    """As `exact_neighbors`, by comparing every pair in float64."""
    found = np.empty((len(queries), k), dtype=np.int64)
    distances = np.empty((len(queries), k), dtype=np.float32)

    def some(rows: slice) -> None:
        values = squared_unit_distances(queries[rows], gallery) / scale[rows, None]
        found[rows] = nearest(values, k)
        distances[rows] = np.take_along_axis(values, found[rows], axis=1)

    map_chunks(some, len(queries), rows_per_chunk(len(gallery), limit))
    return found, distances
