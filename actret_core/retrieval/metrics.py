"""How good a ranked gallery is: mAP, Rank-k and CMC."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from actret_core.errors import EmbeddingError
from actret_core.retrieval.embeddings import Embeddings
from actret_core.retrieval.hits import Hits, ap_definition, average_precision, hits_by_distance, hits_in_ranking
from actret_core.retrieval.ranking import Distances, distance_chunks, ranking_chunks
from actret_core.retrieval.threads import map_chunks, workers

CMC_LENGTH = 50

RelevanceFunction = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
"""From query rows int [q] to two bool [q, G]: which items are relevant, and which are kept in the ranking."""


@dataclass(frozen=True, eq=False)
class RetrievalMetrics:
    """Retrieval scores as fractions in [0, 1].

    `cmc` [50]: cmc[k-1] is Rank-k. `per_query` [Q]: AP of every row of the query set, NaN where it is not scored.
    `per_class`: class index -> mean AP of its queries. `n_queries`: how many queries the means are over.
    `n_without_positive`: queries left out of every mean, as no other gallery item shows their action.
    """

    mAP: float
    rank1: float
    rank5: float
    cmc: np.ndarray
    per_class: dict[int, float]
    per_query: np.ndarray
    n_queries: int
    n_without_positive: int

    def as_percent(self) -> dict[str, float]:
        """mAP, rank1 and rank5 in percent, as a recorded run holds them."""
        return {name: round(100 * getattr(self, name), 4) for name in ("mAP", "rank1", "rank5")}


def evaluate(
    queries: Embeddings,
    gallery: Embeddings | None = None,
    *,
    distances: Distances = "cosine",
    ranking: np.ndarray | None = None,
    ap: str = "rectangular",
) -> RetrievalMetrics:
    """Rank the gallery (default: the query set) for every query that has an action, and score the rankings.

    Two samples are relevant to each other if they share an action. A ranking ignores, as if they were not in the
    gallery, the query itself, found by its id, and the samples of its group; to count those of its group, hand in
    `dataclasses.replace(e, groups=None)`. Samples without an action are distractors. Ties are broken by gallery index.
    `distances`: "cosine", "euclidean", a matrix [Q, G], or a function of query rows such as a Reranker; they are
    compared as float32. `ranking` int [Q, R] of gallery indices, best first, is used instead of distances; an item
    that it leaves out counts as never found. `ap`: the definition of average precision, "rectangular" (the mean over
    all relevant items of the precision at each) or "trapezoidal" (see hits.py).
    Raises EmbeddingError where shapes or labels do not fit, or where no query has a positive; ConfigError for an
    unknown `ap`.
    """
    definition, gallery = ap_definition(ap), queries if gallery is None else gallery
    relevant_to = same_action(queries, gallery)
    if ranking is None:
        find, pieces = hits_by_distance, distance_chunks(queries, gallery, distances)
    else:
        find, pieces = hits_in_ranking, ranking_chunks(queries, gallery, ranking)
    scores = np.full(len(queries), np.nan)
    first = np.full(len(queries), np.inf)
    for rows, values in pieces:
        for part, hits in _parallel_hits(find, values, rows, relevant_to):
            scores[part], first[part] = average_precision(hits, definition), hits.first()
    return _summarize(queries, scores, first)


def same_action(queries: Embeddings, gallery: Embeddings) -> RelevanceFunction:
    """The relevance of the benchmark, as a function from query rows int [q] to two bool [q, G].

    The first says which gallery items share an action with the query, the second which are kept in its ranking: all
    but the query itself, by its id, and the samples of its group. What is not kept is not relevant either.
    Labels in words are compared as words. Raises EmbeddingError if the two sets differ in the dimension of their
    features or in the kind of their labels.
    """
    for name in ("features", "labels"):
        left, right = getattr(queries, name).shape[1:], getattr(gallery, name).shape[1:]
        if left != right:
            raise EmbeddingError(f"{name} have width {left} in the query set and {right} in the gallery")
    query_id, gallery_id = _codes(queries.ids, gallery.ids)
    grouped = queries.groups is not None and gallery.groups is not None
    query_group, gallery_group = _codes(queries.groups, gallery.groups) if grouped else (query_id, gallery_id)
    query_labels, gallery_labels = _common_labels(queries, gallery)
    gallery_hot = gallery_labels.T.astype(np.float32)

    def relevant_to(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        labels = query_labels[rows]
        if labels.ndim == 2:
            shared = labels.astype(np.float32) @ gallery_hot > 0
        else:
            shared = (labels[:, None] == gallery_labels) & (labels[:, None] >= 0)
        kept = query_id[rows, None] != gallery_id
        kept &= query_group[rows, None] != gallery_group
        return shared & kept, kept

    return relevant_to


def _common_labels(queries: Embeddings, gallery: Embeddings) -> tuple[np.ndarray, np.ndarray]:
    """The labels of both sets; where they were words, as indices into the names of both."""
    sets = queries, gallery
    if all(one.actions is None for one in sets):
        return queries.labels, gallery.labels
    if any(one.actions is None for one in sets):
        raise EmbeddingError("labels are words in one set and numbers in the other: give both sets the same kind")
    names = np.union1d(queries.actions, gallery.actions)
    query, other = (
        np.where(one.labels < 0, -1, np.searchsorted(names, one.actions)[one.labels]) for one in sets
    )
    return query, other


def _parallel_hits(
    find: Callable[..., Hits], values: np.ndarray, rows: np.ndarray, relevant_to: RelevanceFunction
) -> list[tuple[np.ndarray, Hits]]:
    """The hits of query rows int [q], in as many parts as there are cores."""

    def some(part: slice) -> tuple[np.ndarray, Hits]:
        return rows[part], find(values[part], *relevant_to(rows[part]))

    return map_chunks(some, len(rows), -(-len(rows) // workers()))


def _codes(left: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two string arrays as integers that are equal where the strings are: they are much faster to compare."""
    codes = np.unique(np.concatenate([left, right]), return_inverse=True)[1]
    return codes[: len(left)], codes[len(left) :]


def _summarize(queries: Embeddings, ap: np.ndarray, first: np.ndarray) -> RetrievalMetrics:
    scored = ~np.isnan(ap)
    if not scored.any():
        raise EmbeddingError(
            "labels: no query shares an action with another gallery item; nothing to average"
        )
    labels = queries.labels
    hot = labels if labels.ndim == 2 else labels[:, None] == np.arange(labels.max() + 1)
    members = {c: scored & column for c, column in enumerate(hot.T)}
    cmc = (first[scored, None] <= np.arange(1, CMC_LENGTH + 1)).mean(axis=0)
    return RetrievalMetrics(
        mAP=float(ap[scored].mean()),
        rank1=float(cmc[0]),
        rank5=float(cmc[4]),
        cmc=cmc,
        per_class={c: float(ap[rows].mean()) for c, rows in members.items() if rows.any()},
        per_query=ap,
        n_queries=int(scored.sum()),
        n_without_positive=int((queries.labeled & ~scored).sum()),
    )
