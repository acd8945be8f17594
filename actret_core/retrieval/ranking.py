"""Rankings of a gallery, a bounded piece at a time, from whatever distances the caller has."""

from collections.abc import Callable, Iterator

import numpy as np

from actret_core.errors import EmbeddingError
from actret_core.retrieval.distances import cosine_distances, euclidean_distances, nearest
from actret_core.retrieval.embeddings import Embeddings, unit_vectors

CHUNK_ELEMENTS = 4_000_000  # query-gallery pairs at a time: about 150 MB of work space

DistanceFunction = Callable[[np.ndarray], np.ndarray]
"""From query rows, int [q], to their distances, float [q, G]."""

Distances = str | np.ndarray | DistanceFunction
"""The name "cosine" or "euclidean", a matrix [Q, G], or a DistanceFunction."""

Chunks = Iterator[tuple[np.ndarray, np.ndarray]]
"""Query rows int [q] with their gallery indices, best first, int [q, R]."""


def ranked_chunks(queries: Embeddings, gallery: Embeddings, distances: Distances) -> Chunks:
    """Rank the whole gallery for every query that has an action; ties by gallery index.

    Raises EmbeddingError for distances of another shape, or not finite.
    """
    between = _distance_function(queries, gallery, distances)
    for rows in _query_chunks(queries, gallery):
        values = np.asarray(between(rows))
        if values.shape != (len(rows), len(gallery)) or not np.isfinite(values).all():
            expected = (len(rows), len(gallery))
            raise EmbeddingError(f"distances: expected finite {expected}, got {values.shape}")
        yield rows, nearest(values)


def given_chunks(queries: Embeddings, gallery: Embeddings, ranking: np.ndarray) -> Chunks:
    """Pieces of a given ranking [Q, R] of gallery indices. Raises EmbeddingError if it is none."""
    ranking = np.asarray(ranking)
    if ranking.ndim != 2 or len(ranking) != len(queries) or not np.issubdtype(ranking.dtype, np.integer):
        raise EmbeddingError(f"ranking is {ranking.dtype} {ranking.shape}: expected int [{len(queries)}, R]")
    if ranking.min() < 0 or ranking.max() >= len(gallery):
        raise EmbeddingError(f"ranking: its entries must be rows of the gallery, 0 to {len(gallery) - 1}")
    for rows in _query_chunks(queries, gallery):
        seen = np.zeros((len(rows), len(gallery)), dtype=bool)
        np.put_along_axis(seen, ranking[rows], True, axis=1)
        if (seen.sum(axis=1) < ranking.shape[1]).any():
            raise EmbeddingError("ranking: a row names a gallery item twice")
        yield rows, ranking[rows]


def _query_chunks(queries: Embeddings, gallery: Embeddings) -> Iterator[np.ndarray]:
    rows = np.flatnonzero(queries.labeled)
    step = max(1, CHUNK_ELEMENTS // len(gallery))
    for start in range(0, len(rows), step):
        yield rows[start : start + step]


def _distance_function(queries: Embeddings, gallery: Embeddings, distances: Distances) -> DistanceFunction:
    if callable(distances):
        return distances
    if isinstance(distances, np.ndarray):
        if distances.shape != (len(queries), len(gallery)):
            raise EmbeddingError(f"distances are {distances.shape}: expected {(len(queries), len(gallery))}")
        return lambda rows: distances[rows]
    if distances == "cosine":
        left, right = unit_vectors(queries.features, queries.ids), unit_vectors(gallery.features, gallery.ids)
        return lambda rows: cosine_distances(left[rows], right)
    if distances == "euclidean":
        return lambda rows: euclidean_distances(queries.features[rows], gallery.features)
    raise EmbeddingError(f"distances={distances!r}: expected 'cosine', 'euclidean', a matrix or a function")
