"""k-reciprocal re-ranking (Zhong et al., CVPR 2017); its cost grows with the number of neighbors, not of pairs.

The definition that code and tests follow: squared Euclidean distance d of L2-normalized features, each row
divided by its maximum over all items, float32; neighbor lists of k1 + 1 items that count the point itself;
ties by (distance, index). Public versions differ in the power of the distance, the precision and the length
of the lists.
"""

from collections.abc import Callable
from typing import Literal

import numpy as np

from actret_core.config import require
from actret_core.errors import EmbeddingError
from actret_core.retrieval.distances import nearest
from actret_core.retrieval.embeddings import unit_vectors
from actret_core.retrieval.reranking.candidates import first_of_candidates
from actret_core.retrieval.reranking.jaccard import JaccardDistances
from actret_core.retrieval.reranking.point_distances import HeldDistances, StreamedDistances
from actret_core.retrieval.reranking.reciprocal import encode
from actret_core.retrieval.threads import chunks, map_chunks, rows_per_chunk

ANY_SET = 1000  # a k1 or k2 up to this is taken for any set, so that a small one needs no settings of its own
MAX_ELEMENTS = 2**27  # 0.5 GiB of float32: 11,585 items against each other

Variant = Literal["concatenated", "single"]
RankRows = Callable[[slice], tuple[np.ndarray, np.ndarray]]
"""From a range of queries to the first places of each: gallery rows and distances."""


class Reranker:
    """Re-ranked distances (1 - lambda) Jaccard + lambda d of a query set to a gallery, for any rows of queries.

    queries [Q, D], gallery [G, D]; without a gallery the query set is the gallery. Neighbors are searched among all
    items. The variant "concatenated" stacks query set and gallery, as the common code does; where both are one set,
    each item is there twice, and k1 = 200 covers about 100 distinct ones. The variant "single" has each item once, and
    takes no gallery. Above the number of vectors, k1 and k2 mean all of them, which is refused above ANY_SET, since the
    time grows with the square of k1. No array of pairs has more than `max_elements` entries, or one row if that is
    more; where all pairs of items fit, the work is faster.
    Raises ConfigError for k1 or k2 out of range, max_elements < 1, lambda outside [0, 1] or an unknown variant;
    EmbeddingError for NaN, zero vectors, an empty set or another D.
    """

    def __init__(
        self,
        queries: np.ndarray,
        gallery: np.ndarray | None = None,
        *,
        k1: int = 200,
        k2: int = 20,
        lambda_: float = 0.3,
        variant: Variant = "concatenated",
        max_elements: int = MAX_ELEMENTS,
    ) -> None:
        for name, value in {"k1": k1, "k2": k2, "max_elements": max_elements}.items():
            require(value >= 1, name, value, "at least 1")
        require(0 <= lambda_ <= 1, "lambda", lambda_, "a number in [0, 1]")
        require(variant in ("concatenated", "single"), "variant", variant, "'concatenated' or 'single'")
        require(gallery is None or variant == "concatenated", "variant", variant, "'concatenated' for two sets")
        points = unit_vectors(queries) if gallery is None else _stack(queries, gallery)
        for name, value in {"k1": k1, "k2": k2}.items():
            most = max(len(points), ANY_SET)
            require(value <= most, name, value, f"at most {most} for {len(points)} vectors")
        copies = 2 if gallery is None and variant == "concatenated" else 1
        count, items = len(points), copies * len(points)
        self.shape = len(queries), len(queries if gallery is None else gallery)
        self.lambda_, self.max_elements = lambda_, max_elements
        self._gallery = slice(count - self.shape[1], count)
        held = count**2 <= max_elements
        self._distances = HeldDistances(points) if held else StreamedDistances(points, max_elements)
        del points  # not needed any more where all pairs are held
        vectors = encode(self._distances, count, copies, k1, k2)
        one_set = gallery is None and vectors.shape[0] == count
        self._jaccard = JaccardDistances(vectors, 0 if one_set else items - self.shape[1], doubled=copies == 2)

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        """Distances float32 [r, G] of query rows int [r]: what `evaluate(distances=...)` takes."""
        return self._blend(self._jaccard.rows(rows), rows)

    def matrix(self) -> np.ndarray:
        """All distances, float32 [Q, G]. Raises ConfigError where they are more than `max_elements`."""
        _require_room(*self.shape, self.max_elements)
        out = self._jaccard.matrix()
        for rows in chunks(*_steps(self.shape, self.max_elements)):
            self._blend(out[rows], np.arange(rows.start, rows.stop))
        return out

    def ranking(self, depth: int = 100) -> tuple[np.ndarray, np.ndarray]:
        """The first `depth` places of every query: gallery rows int32 and distances float32, both [Q, min(depth, G)].

        Best first, ties by index. A query that is in the gallery is part of its own answer.
        """
        require(depth >= 1, "depth", depth, "at least 1")
        if isinstance(self._distances, HeldDistances):
            first = self._first_of_all(depth)
        else:
            first = self._first_of_candidates(self._distances, depth)
        pieces = map_chunks(first, *_steps(self.shape, self.max_elements))
        found, distances = zip(*pieces, strict=True)
        return np.concatenate(found), np.concatenate(distances)

    def _first_of_all(self, depth: int) -> RankRows:
        def first(rows: slice) -> tuple[np.ndarray, np.ndarray]:
            values = self(np.arange(rows.start, rows.stop))
            found = nearest(values, depth)
            return found.astype(np.int32), np.take_along_axis(values, found, axis=1)

        return first

    def _first_of_candidates(self, distances: StreamedDistances, depth: int) -> RankRows:
        jaccard_weight = np.float32(1 - self.lambda_)
        near, original = distances.nearest(slice(0, self.shape[0]), self._gallery, depth)
        unshared = np.float32(self.lambda_) * original + jaccard_weight

        def first(rows: slice) -> tuple[np.ndarray, np.ndarray]:
            queries = np.arange(rows.start, rows.stop)
            shared = self._jaccard.similarities(queries)
            shared.data = jaccard_weight * (1 - shared.data)
            shared.data += np.float32(self.lambda_) * distances.entries(queries, self._gallery, shared)
            return first_of_candidates(shared, near[rows], unshared[rows])

        return first

    def _blend(self, jaccard: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """(1 - lambda) Jaccard + lambda d, written over the Jaccard distances [r, G] given."""
        jaccard *= np.float32(1 - self.lambda_)
        block = self._distances.block(rows, self._gallery)
        block *= np.float32(self.lambda_)
        jaccard += block
        return jaccard


def k_reciprocal_rerank(
    queries: np.ndarray,
    gallery: np.ndarray | None = None,
    *,
    k1: int = 200,
    k2: int = 20,
    lambda_: float = 0.3,
    variant: Variant = "concatenated",
    max_elements: int = MAX_ELEMENTS,
) -> np.ndarray:
    """Re-ranked distances of all pairs, float32 [Q, G], for sets that fit in `max_elements`; see Reranker."""
    _require_room(len(queries), len(queries if gallery is None else gallery), max_elements)
    settings = {"k1": k1, "k2": k2, "lambda_": lambda_, "variant": variant, "max_elements": max_elements}
    return Reranker(queries, gallery, **settings).matrix()


def _require_room(queries: int, gallery: int, max_elements: int) -> None:
    need = f"at least {queries * gallery} for all pairs; raise it, or ask for Reranker(...).ranking(depth)"
    require(queries * gallery <= max_elements, "max_elements", max_elements, need)


def _steps(shape: tuple[int, int], limit: int) -> tuple[int, int]:
    """How many queries there are, and how many to take at a time."""
    return shape[0], rows_per_chunk(shape[1], limit)


def _stack(queries: np.ndarray, gallery: np.ndarray) -> np.ndarray:
    if np.shape(queries)[1:] != np.shape(gallery)[1:]:
        shapes = f"queries are {np.shape(queries)}, the gallery {np.shape(gallery)}"
        raise EmbeddingError(f"{shapes}: both must be [*, D]")
    return np.concatenate([unit_vectors(queries), unit_vectors(gallery)])
