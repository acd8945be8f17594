"""Alternatives to re-ranking that move the vectors themselves: alpha query expansion and database augmentation."""

import numpy as np

from actret_core.config import require
from actret_core.errors import EmbeddingError
from actret_core.retrieval.embeddings import unit_vectors
from actret_core.retrieval.reranking.exact import exact_neighbors
from actret_core.retrieval.threads import map_chunks, rows_per_chunk


def expand_queries(
    queries: np.ndarray, gallery: np.ndarray | None = None, *, top: int = 10, alpha: float = 3.0
) -> np.ndarray:
    """Queries moved toward their `top` nearest gallery items, unit length, float32 [Q, D].

    Alpha query expansion (Radenovic et al., TPAMI 2019): q + sum_i max(cos(q, g_i), 0)^alpha g_i, normalized.
    alpha = 0 is average query expansion; with a large alpha only close neighbors count. Without a gallery the
    query set is the gallery, and no query is its own neighbor. Raises ConfigError for top < 1 or alpha < 0;
    EmbeddingError for NaN, zero vectors, sets that differ in D, or a query alone in its gallery.
    """
    require(top >= 1, "top", top, "at least 1")
    require(0 <= alpha < np.inf, "alpha", alpha, "a number of at least 0")
    points = unit_vectors(queries)
    targets = points if gallery is None else unit_vectors(gallery)
    if points.shape[1] != targets.shape[1]:
        raise EmbeddingError(f"queries are {points.shape}, the gallery {targets.shape}: both must be [*, D]")
    if gallery is not None:
        neighbors, distances = exact_neighbors(points, targets, top)
    elif len(points) > 1:
        neighbors, distances = _without_itself(*exact_neighbors(points, targets, top + 1), top)
    else:
        raise EmbeddingError("one query that is its own gallery has no neighbors: hand over a gallery")
    weights = np.maximum(1 - distances.astype(np.float64) / 2, 0) ** alpha
    return _moved(points, targets, neighbors, weights)


def augment_database(gallery: np.ndarray, *, top: int = 10, alpha: float = 3.0) -> np.ndarray:
    """Each gallery item [G, D] moved toward its own `top` nearest others; unit length, float32 [G, D].

    The step is that of `expand_queries`. Search the result with plain or with expanded queries.
    """
    return expand_queries(gallery, top=top, alpha=alpha)


def _without_itself(neighbors: np.ndarray, distances: np.ndarray, top: int) -> tuple[np.ndarray, np.ndarray]:
    """Neighbor lists [N, top + 1] without the item itself. Where many points are equal, it may be missing from its own
    list: then the last neighbor is dropped."""
    own = neighbors == np.arange(len(neighbors))[:, None]
    order = np.argsort(own, axis=1, kind="stable")[:, : min(top, neighbors.shape[1] - 1)]
    return np.take_along_axis(neighbors, order, axis=1), np.take_along_axis(distances, order, axis=1)


def _moved(points: np.ndarray, targets: np.ndarray, neighbors: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Each point [N, D] plus the weighted sum of its neighbors among the targets [G, D], at unit length."""

    def some(rows: slice) -> np.ndarray:
        step = (weights[rows, None] @ targets[neighbors[rows]])[:, 0]
        return unit_vectors(points[rows] + step).astype(np.float32)

    size = rows_per_chunk(neighbors.shape[1] * points.shape[1])
    return np.concatenate(map_chunks(some, len(points), size))
