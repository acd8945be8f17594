"""The distances among all points that re-ranking needs, with and without holding every pair in memory.

The distance is the squared Euclidean one of unit vectors, each row divided by its maximum over all points.
"""

import faiss
import numpy as np
from scipy.sparse import csr_array

from actret_core.retrieval.distances import nearest, squared_from_cosines, squared_unit_distances
from actret_core.retrieval.reranking.exact import exact_neighbors, listed_distances
from actret_core.retrieval.threads import chunks, map_chunks, rows_per_chunk

DENSE = 32  # one pair by itself costs about as much as this many in a matrix product
KEPT = 128  # neighbors of every point that are kept, so that a ranking need not search a second time


class HeldDistances:
    """All pairs in one float32 matrix [P, P]: the fast way where it fits in memory."""

    def __init__(self, points: np.ndarray) -> None:
        self.matrix = _symmetric(points)
        self.matrix /= _or_one(self.matrix.max(axis=1))[:, None]

    def neighbors(self, k: int) -> tuple[np.ndarray, np.ndarray]:
        """The min(k, P) nearest of every point, itself among them: int64 and float32 [P, k], ties by index."""
        size = rows_per_chunk(len(self.matrix))
        found = np.concatenate(map_chunks(lambda rows: nearest(self.matrix[rows], k), len(self.matrix), size))
        return found, np.take_along_axis(self.matrix, found, axis=1)

    def pairs(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """The distances float32 [n] from points `rows` [n] to points `columns` [n]."""
        return self.matrix[rows, columns]

    def block(self, rows: np.ndarray, columns: slice) -> np.ndarray:
        """The distances float32 [r, c] from points `rows` [r] to a range of points: a copy for the caller."""
        return self.matrix[rows, columns]


class StreamedDistances:
    """The same, computed from the points [P, D] (float64, unit length) when needed, at most `limit` pairs at a time.

    The neighbors are those of `HeldDistances`; the other distances may differ by float32 rounding.
    """

    def __init__(self, points: np.ndarray, limit: int) -> None:
        self.points, self.limit = points, limit
        self._points32 = points.astype(np.float32)
        self._farthest = self._find_farthest()
        self._kept: tuple[np.ndarray, np.ndarray] | None = None

    def neighbors(self, k: int) -> tuple[np.ndarray, np.ndarray]:
        """As in HeldDistances, by FAISS."""
        if self._kept is None or self._kept[0].shape[1] < min(k, len(self.points)):
            self._kept = exact_neighbors(self.points, self.points, max(k, KEPT), self._farthest, self.limit)
        found, distances = self._kept
        return found[:, :k], distances[:, :k]

    def nearest(self, rows: slice, columns: slice, k: int) -> tuple[np.ndarray, np.ndarray]:
        """The min(k, c) nearest of a range of points in another range: places in it and distances, [r, k] each."""
        everyone = slice(0, len(self.points))
        if rows == columns == everyone:
            return self.neighbors(k)
        return exact_neighbors(self.points[rows], self.points[columns], k, self._farthest[rows], self.limit)

    def pairs(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """As in HeldDistances."""
        out = np.empty(len(rows), np.float32)
        for n in chunks(len(rows), rows_per_chunk(self.points.shape[1])):
            cosines = np.einsum("nd,nd->n", self.points[rows[n]], self.points[columns[n]])
            out[n] = squared_from_cosines(cosines) / self._farthest[rows[n]]
        return out

    def entries(self, rows: np.ndarray, columns: slice, pattern: csr_array) -> np.ndarray:
        """The distances float32 [nnz] of a block at the entries of its sparse pattern [r, c]."""
        lengths = np.diff(pattern.indptr)
        if pattern.nnz * DENSE > pattern.shape[0] * pattern.shape[1]:
            return self.block(rows, columns)[np.repeat(np.arange(len(rows)), lengths), pattern.indices]
        gallery, lists = self._points32[columns], np.split(pattern.indices, pattern.indptr[1:-1])
        cosines = [  # not by @, whose own threads and those of the caller would wait for each other
            np.einsum("nd,d->n", gallery[found], self._points32[row]) for row, found in zip(rows, lists, strict=True)
        ]
        return squared_from_cosines(np.concatenate(cosines)) / np.repeat(self._farthest[rows], lengths)

    def block(self, rows: np.ndarray, columns: slice) -> np.ndarray:
        """As in HeldDistances."""
        block = squared_from_cosines(self._points32[rows] @ self._points32[columns].T)
        block /= self._farthest[rows, None]
        return block

    def _find_farthest(self) -> np.ndarray:
        """The largest distance of each row, float32 [P]: the farthest point is the nearest to the opposite vector."""
        index = faiss.IndexFlatIP(self.points.shape[1])
        index.add(self._points32)
        opposite = index.search(-self._points32, 1)[1]
        return _or_one(listed_distances(self.points, self.points, opposite)[:, 0])


PointDistances = HeldDistances | StreamedDistances


def _symmetric(points: np.ndarray) -> np.ndarray:
    """Squared distances float32 [P, P]; each pair is computed once."""
    out = np.empty((len(points), len(points)), dtype=np.float32)
    size = rows_per_chunk(len(points))
    for start in range(0, len(points), size):
        rows = slice(start, start + size)
        out[rows, start:] = squared_unit_distances(points[rows], points[start:])
        out[start:, rows] = out[rows, start:].T
    return out


def _or_one(farthest: np.ndarray) -> np.ndarray:
    """The largest distances, or 1 where they are 0: where all points are equal, all distances stay 0."""
    return np.where(farthest > 0, farthest, np.float32(1))
