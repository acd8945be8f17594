"""The first places of a re-ranked gallery without all pairs.

An item that shares no neighbor with a query is at Jaccard distance 1 from it, so among such items the original
distance decides. The first `depth` places thus go to items that share a neighbor, or to the `depth` nearest.
"""

import numpy as np
from scipy.sparse import csr_array


def first_of_candidates(
    shared: csr_array, near: np.ndarray, distances: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The first places of r queries: gallery rows int32 and distances float32 [r, depth], ties by index.

    shared [r, G] holds the re-ranked distances of the items that share a neighbor; near [r, depth] are the nearest
    items, and distances [r, depth] what they would be at if they shared none.
    """
    queries, gallery = shared.shape
    owner = np.repeat(np.arange(queries), np.diff(shared.indptr))
    nearest_owner = np.repeat(np.arange(queries), near.shape[1])
    known = np.isin(nearest_owner * gallery + near.ravel(), owner * gallery + shared.indices)
    row = np.concatenate([owner, nearest_owner[~known]])
    column = np.concatenate([shared.indices, near.ravel()[~known]]).astype(np.int32)
    value = np.concatenate([shared.data, distances.ravel()[~known]])
    order = np.lexsort((column, value, row))
    starts = np.searchsorted(row[order], np.arange(queries))
    places = order[starts[:, None] + np.arange(near.shape[1])]
    return column[places], value[places]
