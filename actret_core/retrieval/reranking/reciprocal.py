"""Every item as weights over its k-reciprocal neighbors: steps 1 to 4 of re-ranking (Zhong et al., CVPR 2017)."""

import numpy as np
from scipy.sparse import csr_array, hstack, vstack

from actret_core.retrieval.reranking.point_distances import PointDistances
from actret_core.retrieval.threads import map_chunks

CHUNK_ITEMS = 512
CHUNK_PAIRS = 100_000


def encode(distances: PointDistances, points: int, copies: int, k1: int, k2: int) -> csr_array:
    """V: Gaussian weights over the expanded k-reciprocal neighbors, averaged over an item's first k2.

    Item m is a copy of the point m modulo `points`, and there are `copies` (1 or 2) of each point. Returns
    [items, items]; with two copies and k2 > 1 only the rows of the first copies, since those of the second are equal.
    """
    neighbors = _item_neighbors(distances, points, copies, max(k1 + 1, k2))
    everyone = np.tile(neighbors, (copies, 1))  # copies have the same neighbors
    far = _reciprocal(everyone[:, : k1 + 1])
    near = _reciprocal(everyone[:, : int(np.around(k1 / 2)) + 1])
    weights = _gaussian(_expand(far, near, copies), distances, points)
    if k2 == 1:  # the item's own weights, nothing to average
        return weights
    first = _incidence(neighbors[:, :k2], len(everyone))
    total = vstack(map_chunks(lambda rows: first[rows] @ weights, len(neighbors), CHUNK_ITEMS), format="csr")
    total.data /= min(k2, len(everyone))
    return total


def _item_neighbors(distances: PointDistances, points: int, copies: int, k: int) -> np.ndarray:
    """The k nearest items of every point, itself among them, ties by item; int32 [points, min(k, items)]."""
    found, values = distances.neighbors(k)
    if copies == 2:
        items, values = np.hstack([found, found + points]), np.hstack([values, values])
        order = np.argsort(values, axis=1, kind="stable")  # at equal distance, first copies stay before second ones
        found = np.take_along_axis(items, order[:, :k], axis=1)
    return found.astype(np.int32)


def _incidence(neighbors: np.ndarray, items: int) -> csr_array:
    """Neighbor lists [n, k] as a sparse 0/1 matrix [n, items], float32 (counts in its products stay exact)."""
    starts = np.arange(0, neighbors.size + 1, neighbors.shape[1], dtype=neighbors.dtype)
    return csr_array((np.ones(neighbors.size, np.float32), neighbors.ravel(), starts), (len(neighbors), items))


def _reciprocal(neighbors: np.ndarray) -> csr_array:
    """R: pairs of items that are in each other's neighbor list, 0/1 [items, items]."""
    forward = _incidence(neighbors, len(neighbors))
    return forward.multiply(forward.T).tocsr()


def _expand(far: csr_array, near: csr_array, copies: int) -> csr_array:
    """R*: the neighbors R(i, k1), and those R(j, k1/2) of each neighbor j of which more than 2/3 are in R(i, k1).

    "More than" is that of the authors' code; the paper says "at least". `far` is R(., k1) and `near` R(., k1/2), both
    symmetric.
    """
    sizes, circles = near.sum(axis=1), _right_factor(near, copies)

    def some(rows: slice) -> csr_array:
        inside = (_left_factor(far[rows], copies) @ circles).multiply(far[rows]).tocsr()
        inside.data = (3 * inside.data > 2 * sizes[inside.indices]).astype(np.float32)
        inside.eliminate_zeros()
        return far[rows] + _left_factor(inside, copies) @ circles

    return vstack(map_chunks(some, far.shape[0], CHUNK_ITEMS), format="csr")


def _left_factor(left: csr_array, copies: int) -> csr_array:
    """With `_right_factor`: two matrices whose product is left @ right, at half the cost where there are two copies.

    With A and A' the columns of the two copies, B and B' their rows, A B + A' B' = A (B + B') + (A' - A) B'. The copies
    are nearly equal, so A' - A is nearly empty.
    """
    if copies == 1:
        return left
    first, second = left[:, : left.shape[1] // 2], left[:, left.shape[1] // 2 :]
    return hstack([first, second - first], format="csr")


def _right_factor(right: csr_array, copies: int) -> csr_array:
    if copies == 1:
        return right
    first, second = right[: right.shape[0] // 2], right[right.shape[0] // 2 :]
    return vstack([first + second, second], format="csr")


def _gaussian(sets: csr_array, distances: PointDistances, points: int) -> csr_array:
    """Weights exp(-d) where `sets` has entries, each row with the sum 1 (an empty row stays empty)."""
    rows = np.repeat(np.arange(sets.shape[0]), np.diff(sets.indptr))
    from_points, to_points = rows % points, sets.indices % points
    parts = map_chunks(lambda n: distances.pairs(from_points[n], to_points[n]), sets.nnz, CHUNK_PAIRS)
    values = np.exp(-np.concatenate(parts))
    values /= np.bincount(rows, weights=values, minlength=sets.shape[0]).astype(np.float32)[rows]
    return csr_array((values, sets.indices, sets.indptr), shape=sets.shape)
