"""Distances or rankings of a gallery, in whatever form the caller has them, in pieces of bounded size."""

from collections.abc import Callable, Iterator

import numpy as np

from actret_core.errors import EmbeddingError
from actret_core.retrieval.distances import cosine_distances, euclidean_distances
from actret_core.retrieval.embeddings import Embeddings, unit_vectors
from actret_core.retrieval.threads import chunks, rows_per_chunk

LARGEST = 1e36  # Euclidean distances are float32, which ends at 3e38

DistanceFunction = Callable[[np.ndarray], np.ndarray]
"""From query rows int [q] to their distances float [q, G]."""

Distances = str | np.ndarray | DistanceFunction
"""The name "cosine" or "euclidean", a matrix [Q, G], or a DistanceFunction."""

Chunks = Iterator[tuple[np.ndarray, np.ndarray]]
"""Query rows int [q] with their distances float [q, G], or with a ranking int [q, R]."""


def distance_chunks(queries: Embeddings, gallery: Embeddings, distances: Distances) -> Chunks:
    """The distances of every query that has an action to the whole gallery.

    Raises EmbeddingError for distances of another shape, or not finite.
    """
    between = _distance_function(queries, gallery, distances)
    for rows in _query_chunks(queries, gallery):
        values = np.asarray(between(rows))
        if values.shape != (len(rows), len(gallery)) or not np.isfinite(values).all():
            expected = (len(rows), len(gallery))
            raise EmbeddingError(f"distances: expected finite {expected}, got {values.shape}")
        yield rows, values


def ranking_chunks(queries: Embeddings, gallery: Embeddings, ranking: np.ndarray) -> Chunks:
    """The rows of a given ranking int [Q, R] of gallery indices, for every query that has an action.

    Raises EmbeddingError unless each row names items of the gallery, each at most once.
    """
    ranking = np.asarray(ranking)
    if ranking.ndim != 2 or len(ranking) != len(queries) or not np.issubdtype(ranking.dtype, np.integer):
        raise EmbeddingError(f"ranking is {ranking.dtype} {ranking.shape}: expected int [{len(queries)}, R]")
    if ranking.size and (ranking.min() < 0 or ranking.max() >= len(gallery)):
        raise EmbeddingError(f"ranking: its entries must be rows of the gallery, 0 to {len(gallery) - 1}")
    for rows in _query_chunks(queries, gallery):
        seen = np.zeros((len(rows), len(gallery)), dtype=bool)
        np.put_along_axis(seen, ranking[rows], True, axis=1)
        if (seen.sum(axis=1) < ranking.shape[1]).any():
            raise EmbeddingError("ranking: a row names a gallery item twice")
        yield rows, ranking[rows]


def _query_chunks(queries: Embeddings, gallery: Embeddings) -> Iterator[np.ndarray]:
    rows = np.flatnonzero(queries.labeled)
    for part in chunks(len(rows), rows_per_chunk(len(gallery))):
        yield rows[part]


def _distance_function(queries: Embeddings, gallery: Embeddings, distances: Distances) -> DistanceFunction:
    if callable(distances):
        return distances
    if isinstance(distances, np.ndarray):
        if distances.shape != (len(queries), len(gallery)):
            raise EmbeddingError(f"distances are {distances.shape}: expected {(len(queries), len(gallery))}")
        return lambda rows: distances[rows]
    if distances == "cosine":
        left = unit_vectors(queries.features, queries.ids)
        right = left if gallery is queries else unit_vectors(gallery.features, gallery.ids)
        return lambda rows: cosine_distances(left[rows], right)
    if distances == "euclidean":
        if max(np.abs(one.features).max() for one in (queries, gallery)) > LARGEST:
            raise EmbeddingError(f"features exceed {LARGEST:g}: scale them, or take the distances 'cosine'")
        return lambda rows: euclidean_distances(queries.features[rows], gallery.features)
    raise EmbeddingError(f"distances={distances!r}: expected 'cosine', 'euclidean', a matrix or a function")
