"""The ranks at which queries find their right answers, and the average precision computed from them."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from actret_core.config import require
from actret_core.retrieval.distances import sortable_keys

LAST = np.iinfo(np.int64).max - 1  # an even number above every key


@dataclass(frozen=True, eq=False)
class Hits:
    """The right answers of q queries that were found.

    Of each of the h hits: its query int [h], in ascending order, and its rank int [h], from 1, best first within a
    query. total int [q]: how many right answers a query has, found or not.
    """

    query: np.ndarray
    rank: np.ndarray
    total: np.ndarray

    @property
    def count(self) -> np.ndarray:
        """Of each hit: how many hits its query has down to this rank, this one included: int [h]."""
        sizes = np.bincount(self.query, minlength=len(self.total))
        return np.arange(1, len(self.query) + 1) - np.repeat(np.cumsum(sizes) - sizes, sizes)

    def first(self) -> np.ndarray:
        """The rank of the best right answer of each query, float [q]; inf where none was found."""
        out = np.full(len(self.total), np.inf)
        best = self.count == 1
        out[self.query[best]] = self.rank[best]
        return out


def hits_by_distance(distances: np.ndarray, relevant: np.ndarray, kept: np.ndarray) -> Hits:
    """Rank the gallery by distances [q, G], compared as float32, ties by index.

    relevant and kept are bool [q, G], as the function of `same_action` gives them. Items that are not kept take no
    rank. Only integers are sorted, which is fast: each has the item's relevance in its lowest bit.
    """
    keys = sortable_keys(distances, 2 * np.arange(distances.shape[1]))
    keys |= relevant
    keys[~kept] = LAST
    keys.sort(axis=1)
    found = np.flatnonzero(keys & 1)
    query, place = np.divmod(found, distances.shape[1])
    return Hits(query, place + 1, relevant.sum(axis=1))


def hits_in_ranking(order: np.ndarray, relevant: np.ndarray, kept: np.ndarray) -> Hits:
    """The same for a given ranking int [q, R] of gallery indices, best first."""
    rank = np.cumsum(np.take_along_axis(kept, order, axis=1), axis=1, dtype=np.int32)
    query, place = np.nonzero(np.take_along_axis(relevant, order, axis=1))
    return Hits(query, rank[query, place], relevant.sum(axis=1))


def rectangular(count: np.ndarray, rank: np.ndarray) -> np.ndarray:
    """Precision at each hit, as ReID codes and scikit-learn count it: hits so far over rank."""
    return count / rank


def trapezoidal(count: np.ndarray, rank: np.ndarray) -> np.ndarray:
    """Mean of the precisions just before and at each hit, as in landmark retrieval; before rank 1 it counts as 1."""
    before = np.divide(count - 1, rank - 1, out=np.ones(len(rank)), where=rank > 1)
    return (before + count / rank) / 2


PrecisionFunction = Callable[[np.ndarray, np.ndarray], np.ndarray]
AP_DEFINITIONS: dict[str, PrecisionFunction] = {"rectangular": rectangular, "trapezoidal": trapezoidal}


def ap_definition(name: str) -> PrecisionFunction:
    """The definition of this name. Raises ConfigError for an unknown one."""
    require(name in AP_DEFINITIONS, "ap", name, " or ".join(map(repr, AP_DEFINITIONS)))
    return AP_DEFINITIONS[name]


def average_precision(hits: Hits, definition: PrecisionFunction = rectangular) -> np.ndarray:
    """AP [q]: the sum of the precision at the hits, divided by the number of right answers; NaN where there is none."""
    precision = definition(hits.count, hits.rank)
    total = np.bincount(hits.query, weights=precision, minlength=len(hits.total))
    return np.divide(total, hits.total, out=np.full(len(total), np.nan), where=hits.total > 0)
