"""k-reciprocal re-ranking (Zhong et al., CVPR 2017) on sparse sets of neighbors.

The definition that code and tests hold to: squared Euclidean distance d of L2-normalized features, each row
divided by its maximum over all items, float32; neighbor lists of k1 + 1 items that count the point itself;
ties by (distance, index). Public versions differ in the power of the distance, the precision and the length
of the lists.
"""

from collections.abc import Iterator
from typing import Literal

import numpy as np
from scipy.sparse import csr_array

from actret_core.config import require
from actret_core.errors import EmbeddingError
from actret_core.retrieval.distances import nearest, squared_unit_distances
from actret_core.retrieval.embeddings import unit_vectors

CHUNK_ROWS = 512


def k_reciprocal_rerank(
    queries: np.ndarray,
    gallery: np.ndarray | None = None,
    *,
    k1: int = 200,
    k2: int = 20,
    lambda_: float = 0.3,
    variant: Literal["concatenated", "single"] = "concatenated",
) -> np.ndarray:
    """Re-ranked distances, float32 [Q, G]: (1 - lambda) Jaccard + lambda original.

    queries [Q, D], gallery [G, D]; without a gallery the query set is the gallery. Neighbors are sought among
    all items: `concatenated` stacks query set and gallery, as the common code does, so that an item of a set
    that is both stands twice and k1 = 200 spans about 100 distinct ones; `single` lets each item stand once
    (no gallery then). k1 and k2 may exceed the number of items. Raises ConfigError for k1, k2 < 1, lambda
    outside [0, 1] or an unknown variant; EmbeddingError for NaN, zero vectors or another D.
    """
    require(k1 >= 1, "k1", k1, "at least 1")
    require(k2 >= 1, "k2", k2, "at least 1")
    require(0 <= lambda_ <= 1, "lambda", lambda_, "a number in [0, 1]")
    require(variant in ("concatenated", "single"), "variant", variant, "'concatenated' or 'single'")
    require(gallery is None or variant == "concatenated", "variant", variant, "'concatenated' for two sets")
    if gallery is None:
        points, copies = unit_vectors(queries), 2 if variant == "concatenated" else 1
    else:
        points, copies = _stack(queries, gallery), 1
    asked, answering = len(queries), len(queries if gallery is None else gallery)
    distances = _row_scaled_distances(points)
    vectors = _encode(distances, copies, k1, k2)
    if gallery is None and (copies == 1 or k2 > 1):  # both copies average the same neighbors: one vector
        blended = _symmetric_jaccard(vectors[:asked])
    else:
        blended = _jaccard(vectors[:asked], vectors[-answering:])
    blended *= 1 - lambda_
    blended += np.float32(lambda_) * distances[:asked, -answering:]
    return blended


def _stack(queries: np.ndarray, gallery: np.ndarray) -> np.ndarray:
    if np.shape(queries)[1:] != np.shape(gallery)[1:]:
        shapes = f"queries are {np.shape(queries)}, the gallery {np.shape(gallery)}"
        raise EmbeddingError(f"{shapes}: both must be [*, D]")
    return np.concatenate([unit_vectors(queries), unit_vectors(gallery)])


def _row_scaled_distances(points: np.ndarray) -> np.ndarray:
    """Squared distances float32 [P, P], each row divided by its maximum."""
    out = np.empty((len(points), len(points)), dtype=np.float32)
    for rows in _row_chunks(len(points)):
        out[rows] = squared_unit_distances(points[rows], points)
    farthest = out.max(axis=1, keepdims=True)
    out /= np.where(farthest > 0, farthest, 1)  # all points equal: every distance stays 0
    return out


def _encode(distances: np.ndarray, copies: int, k1: int, k2: int) -> csr_array:
    """Each item as Gaussian weights over its k-reciprocal neighbors, averaged over its first k2: V, [M, M].

    distances [P, P] of the points; item m is a copy of point m modulo P, and M = copies * P.
    """
    neighbors = _neighbors(distances, copies, max(k1 + 1, k2))
    far = _reciprocal(neighbors[:, : k1 + 1])
    near = _reciprocal(neighbors[:, : int(np.around(k1 / 2)) + 1])
    weights = _gaussian(_expand(far, near), distances)
    if k2 == 1:  # the item's own vector, nothing to average
        return weights
    first = neighbors[:, :k2]
    total = _incidence(first) @ weights
    total.data /= first.shape[1]
    return total


def _neighbors(distances: np.ndarray, copies: int, k: int) -> np.ndarray:
    """The k nearest items of every item, itself among them, ties by item index; int [M, min(k, M)]."""
    lists = [nearest(np.tile(distances[rows], copies), k) for rows in _row_chunks(len(distances))]
    return np.tile(np.concatenate(lists), (copies, 1))


def _incidence(neighbors: np.ndarray) -> csr_array:
    """Neighbor lists [M, k] as a sparse 0/1 matrix [M, M], float32 (counts in its products stay exact)."""
    items, k = neighbors.shape
    columns = neighbors.ravel().astype(np.int32)  # half the traffic of int64, in all that follows
    starts = np.arange(0, items * k + 1, k, dtype=np.int32)
    return csr_array((np.ones(items * k, np.float32), columns, starts), shape=(items, items))


def _reciprocal(neighbors: np.ndarray) -> csr_array:
    """R: pairs of items that stand in each other's list, 0/1 [M, M]."""
    forward = _incidence(neighbors)
    return forward.multiply(forward.T).tocsr()


def _expand(far: csr_array, near: csr_array) -> csr_array:
    """R*: R(i, k1), and R(j, k1/2) of each member j for which more than 2/3 of that lies in R(i, k1) already.

    More than, as in the authors' code; the paper's text has "at least".
    """
    shared = (far @ near.T).multiply(far).tocoo()  # |R(i, k1) and R(j, k1/2)| for the members j of R(i, k1)
    joins = 3 * shared.data > 2 * near.sum(axis=1)[shared.col]
    rows, columns = shared.row[joins], shared.col[joins]
    chosen = csr_array((np.ones(len(rows), np.float32), (rows, columns)), shape=far.shape)
    return (far + chosen @ near).tocsr()


def _gaussian(sets: csr_array, distances: np.ndarray) -> csr_array:
    """Weights exp(-d) on the pattern of `sets`, each row summing to one (an empty row stays empty)."""
    members = sets.tocoo()
    points = len(distances)
    values = np.exp(-distances[members.row % points, members.col % points])
    total = np.bincount(members.row, weights=values, minlength=sets.shape[0])
    values /= total[members.row]
    return csr_array((values, (members.row, members.col)), shape=sets.shape)


def _jaccard(queries: csr_array, gallery: csr_array) -> np.ndarray:
    """1 - sum min / sum max of every query row with every gallery row, float32 [Q, G]."""
    out = np.empty((queries.shape[0], gallery.shape[0]), dtype=np.float32)
    for rows in _row_chunks(len(out)):
        out[rows] = _jaccard_rows(queries[rows], gallery)
    return out


def _symmetric_jaccard(items: csr_array) -> np.ndarray:
    """The same for one set with itself, at half the work: float32 [Q, Q]."""
    out = np.empty((items.shape[0], items.shape[0]), dtype=np.float32)
    for rows in _row_chunks(len(out)):
        out[rows, rows.start :] = _jaccard_rows(items[rows], items[rows.start :])
        out[rows.start :, rows] = out[rows, rows.start :].T
    return out


def _jaccard_rows(queries: csr_array, gallery: csr_array) -> np.ndarray:
    """The same for a few queries.

    Only columns that a query uses add to its sum of minima, so it reads those gallery columns alone (an
    inverted index). The sum of maxima is both totals less the sum of minima.
    """
    inverted = gallery.T.tocsr()  # column -> the gallery items that use it
    totals = gallery.sum(axis=1)
    out = np.empty((queries.shape[0], gallery.shape[0]), dtype=np.float32)
    for row, (columns, values) in enumerate(_sparse_rows(queries)):
        used = inverted[columns]
        np.minimum(used.data, np.repeat(values, np.diff(used.indptr)), out=used.data)
        smaller = used.T @ np.ones(len(columns), np.float32)
        out[row] = 1 - smaller / np.maximum(values.sum() + totals - smaller, np.finfo(np.float32).tiny)
    return out


def _row_chunks(count: int) -> Iterator[slice]:
    return (slice(start, start + CHUNK_ROWS) for start in range(0, count, CHUNK_ROWS))


def _sparse_rows(matrix: csr_array) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Columns and values of each row."""
    for start, stop in zip(matrix.indptr[:-1], matrix.indptr[1:], strict=True):
        yield matrix.indices[start:stop], matrix.data[start:stop]
