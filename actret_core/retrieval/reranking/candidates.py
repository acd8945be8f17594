"""The first places of a re-ranked gallery, without the distances of all pairs.

An item that shares no neighbor with the query is at Jaccard distance 1 from it, so among such items the original
distance decides. The first `depth` places therefore go to items that share a neighbor, or to the `depth` nearest.
"""

import numpy as np
from scipy.sparse import csr_array

from actret_core.retrieval.distances import sortable_keys, split_keys


def first_of_candidates(
    shared: csr_array, near: np.ndarray, distances: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The first places of r queries: gallery rows int32 and distances float32 [r, depth], ties by index.

    shared [r, G] holds the re-ranked distances of the items that share a neighbor; near [r, depth] are the nearest
    items by the original distance, and distances [r, depth] their re-ranked distances if they shared no neighbor.
    """
    lengths, depth = np.diff(shared.indptr), near.shape[1]
    width = lengths.max()
    filled = np.arange(width) < lengths[:, None]
    values = np.full((len(near), width + depth), np.inf, np.float32)
    columns = np.zeros(values.shape, np.int32)
    values[:, :width][filled], columns[:, :width][filled] = shared.data, shared.indices
    shares = np.zeros(shared.shape, bool)
    shares[np.repeat(np.arange(len(near)), lengths), shared.indices] = True
    values[:, width:] = np.where(np.take_along_axis(shares, near, axis=1), np.inf, distances)
    columns[:, width:] = near
    keys = np.partition(sortable_keys(values, columns), depth - 1, axis=1)[:, :depth]
    first, found = split_keys(np.sort(keys, axis=1))
    return found, first
