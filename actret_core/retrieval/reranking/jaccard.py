"""The Jaccard distance of sparse vectors of weights: step 5 of re-ranking."""

from functools import cached_property

import numpy as np
from scipy.sparse import csr_array, hstack, vstack

from actret_core.retrieval.reranking.minima import entries_of, entries_of_twins, minimum_factors
from actret_core.retrieval.threads import map_chunks, rows_per_chunk


class JaccardDistances:
    """1 - sum min / sum max between the vectors of the query set and those of the gallery.

    vectors [N, C] >= 0, float32. `start`: the first row of the gallery, after those of the query set; 0 if the query
    set is the gallery. `doubled`: the columns are two copies of one set of items, so that the second half mostly
    repeats the first and is zero wherever the first is. The sum of maxima is both totals minus the sum of minima.
    An empty vector is at distance 1 from all.
    """

    def __init__(self, vectors: csr_array, start: int = 0, doubled: bool = False) -> None:
        items, half = vectors.shape[0], vectors.shape[1] // 2
        entries = entries_of_twins(vectors[:, :half], vectors[:, half:]) if doubled else entries_of(vectors)
        self._lower, self._upper = minimum_factors(entries, items)
        self._totals = vectors.sum(axis=1)
        self._start, self._queries = start, start or items

    def similarities(self, rows: np.ndarray) -> csr_array:
        """1 - distance of query rows int [r], sparse [r, G]: an entry for every gallery item that is nearer than 1."""
        left, right = self._factors
        sums = left[rows] @ right
        if self._start == 0:  # the factors leave out an item's sum with itself
            itself = csr_array((self._totals[rows], rows, np.arange(len(rows) + 1)), shape=sums.shape)
            sums = sums.maximum(itself)
        row = np.repeat(np.arange(len(rows)), np.diff(sums.indptr))
        sums.data /= self._totals[rows][row] + self._totals[self._start :][sums.indices] - sums.data
        return sums

    def rows(self, rows: np.ndarray) -> np.ndarray:
        """Distances float32 [r, G] of query rows int [r]."""
        gallery = len(self._totals) - self._start
        parts = map_chunks(
            lambda part: 1 - self.similarities(rows[part]).toarray(), len(rows), rows_per_chunk(2 * gallery)
        )
        return np.concatenate(parts)

    def matrix(self) -> np.ndarray:
        """All distances, float32 [Q, G]; of one set with itself at half the work."""
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
        """Two matrices whose product holds the sums of minima of every query with every gallery item."""
        left = hstack([self._lower, self._upper.T], format="csr")[: self._queries]
        return left, vstack([self._upper, self._lower.T], format="csr")[:, self._start :]
