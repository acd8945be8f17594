"""The Jaccard distance of sparse vectors of weights: step 5 of re-ranking."""

from functools import cached_property

import numpy as np
from scipy.sparse import csr_array, hstack, vstack

from actret_core.retrieval.minima import entries_of, entries_of_twins, minimum_factors
from actret_core.retrieval.parallel import map_chunks, rows_per_chunk


class JaccardDistances:
    """1 - sum min / sum max between the vectors of the query set and those of the gallery.

    vectors [N, C] >= 0, float32. `start` is the first row of the gallery: the query set stands before it; 0 if
    the query set is the gallery. `twins`: the second half of the columns mostly repeats the first, and never
    exceeds it in pattern. The sum of maxima is both totals less the sum of minima. An empty vector is at
    distance 1 from all.
    """

    def __init__(self, vectors: csr_array, start: int = 0, twins: bool = False) -> None:
        items, half = vectors.shape[0], vectors.shape[1] // 2
        entries = entries_of_twins(vectors[:, :half], vectors[:, half:]) if twins else entries_of(vectors)
        self._lower, self._upper = minimum_factors(entries, items)
        self._totals = vectors.sum(axis=1)
        self._start, self._queries = start, start or items

    def rows(self, rows: np.ndarray) -> np.ndarray:
        """Distances float32 [r, G] of some queries."""
        left, right = self._factors
        out = np.ones((len(rows), right.shape[1]), np.float32)
        totals, gallery_totals = self._totals[rows], self._totals[self._start :]

        def some(part: slice) -> None:
            sums = left[rows[part]] @ right
            row = np.repeat(np.arange(part.start, part.stop), np.diff(sums.indptr))
            larger = totals[row] + gallery_totals[sums.indices] - sums.data
            out[row, sums.indices] -= sums.data / larger

        map_chunks(some, len(rows), rows_per_chunk(2 * right.shape[1]))
        if self._start == 0:
            out[np.arange(len(rows)), rows] = totals == 0
        return out

    def matrix(self) -> np.ndarray:
        """All of them, float32 [Q, G]; for one set with itself at half the work."""
        if self._start:
            return self.rows(np.arange(self._queries))
        out = np.empty((self._queries, self._queries), np.float32)
        size = rows_per_chunk(2 * len(out))
        map_chunks(lambda rows: (self._lower[rows] @ self._upper).toarray(out=out[rows]), len(out), size)

        def finish(rows: slice) -> None:
            sums = out[rows, rows.start :] + out[rows.start :, rows].T
            larger = self._totals[rows, None] + self._totals[rows.start :] - sums
            distances = 1 - sums / np.maximum(larger, np.finfo(np.float32).tiny)
            out[rows, rows.start :], out[rows.start :, rows] = distances, distances.T

        map_chunks(finish, len(out), size)
        np.fill_diagonal(out, self._totals == 0)
        return out

    @cached_property
    def _factors(self) -> tuple[csr_array, csr_array]:
        """Two matrices whose product is the sums of minima of the query set with the gallery."""
        left = hstack([self._lower, self._upper.T], format="csr")[: self._queries]
        return left, vstack([self._upper, self._lower.T], format="csr")[:, self._start :]
