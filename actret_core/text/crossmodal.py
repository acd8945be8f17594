"""How good retrieval between phrases and images is: mAP and nDCG by a graded relevance in [0, 1]."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from actret_core.errors import EmbeddingError
from actret_core.retrieval.hits import average_precision, hits_in_ranking
from actret_core.retrieval.threads import chunks, rows_per_chunk
from actret_core.text.phrase import Phrase


@dataclass(frozen=True, eq=False)
class Parts:
    """What N captions or images show: a verb class each, `verb` int [N], and a set of nouns, `nouns` bool [N, K]."""

    verb: np.ndarray
    nouns: np.ndarray

    def __getitem__(self, rows: np.ndarray | slice) -> "Parts":
        return Parts(self.verb[rows], self.nouns[rows])


def parts_of(phrases: Sequence[Phrase], verbs: Mapping[str, int], nouns: Mapping[str, int]) -> Parts:
    """The parts of phrases, by the classes of words. A verb without a class is -1; such a noun is left out."""
    hot = np.zeros((len(phrases), max(nouns.values(), default=-1) + 1), bool)
    for row, phrase in zip(hot, phrases, strict=True):
        row[[nouns[noun] for noun in phrase.nouns if noun in nouns]] = True
    return Parts(np.array([verbs.get(phrase.verb, -1) for phrase in phrases]), hot)


def relevance(queries: Parts, gallery: Parts) -> np.ndarray:
    """(same verb + intersection over union of the nouns) / 2, float32 [Q, G].

    Where neither side has a noun, the verb alone decides. Raises EmbeddingError if the two differ in the number of
    their noun classes.
    """
    if queries.nouns.shape[1] != gallery.nouns.shape[1]:
        raise EmbeddingError(f"nouns have width {queries.nouns.shape[1]} in the queries and {gallery.nouns.shape[1]} "
                             "in the gallery: take the classes of both from one list")
    left, right = queries.nouns.astype(np.float32), gallery.nouns.astype(np.float32)
    shared = left @ right.T                                              # [Q, G]
    union = left.sum(1)[:, None] + right.sum(1) - shared
    same = ((queries.verb[:, None] == gallery.verb) & (gallery.verb >= 0)).astype(np.float32)
    return np.where(union > 0, (same + shared / np.maximum(union, 1)) / 2, same)


@dataclass(frozen=True, eq=False)
class CrossModalScores:
    """`mAP` and `nDCG` as fractions in [0, 1], and `ap` and `ndcg` of each query, float [Q]; NaN where none is defined.

    `first` float [Q]: the rank of the best item of relevance 1, inf where there is none.
    """

    mAP: float
    nDCG: float
    ap: np.ndarray
    ndcg: np.ndarray
    first: np.ndarray

    def rank(self, k: int) -> float:
        """Rank-k: among queries with an item of relevance 1, the share that has one in the first k places."""
        return float((self.first[np.isfinite(self.first)] <= k).mean())


def score(similarity: np.ndarray, relevant: np.ndarray) -> CrossModalScores:
    """Rank the gallery by similarity [Q, G] and score the rankings by the relevance [Q, G] in [0, 1].

    Similarities are compared as float32, ties by index. AP counts only items of relevance 1. DCG sums
    relevance / log2(1 + rank) over the first k ranks, where k is the number of items of any relevance; nDCG divides it
    by the DCG of a perfect ranking. Raises EmbeddingError where the shapes differ, a similarity is not finite, or no
    query has an item of relevance 1.
    """
    if similarity.shape != relevant.shape or similarity.ndim != 2:
        raise EmbeddingError(f"similarity is {similarity.shape}, relevance {relevant.shape}: expected the same [Q, G]")
    if not np.isfinite(similarity).all():
        raise EmbeddingError("similarity holds NaN or inf; embed again")
    pieces = chunks(len(similarity), rows_per_chunk(similarity.shape[1]))
    parts = [_score(similarity[p], relevant[p]) for p in pieces]
    ap, ndcg, first = (np.concatenate(values) for values in zip(*parts, strict=True))
    if np.isnan(ap).all():
        missing = "no query has an item that shares its verb and all its nouns"
        raise EmbeddingError(f"relevance: {missing}; nothing to average")
    return CrossModalScores(float(np.nanmean(ap)), float(np.nanmean(ndcg)), ap, ndcg, first)


def score_both_ways(
    similarity: np.ndarray, relevant: np.ndarray, ranks: Sequence[int] = ()
) -> dict[str, dict[str, float]]:
    """Percentages of text -> visual and visual -> text, and their mean; similarity and relevance [texts, visuals].

    `ranks`: each k for which Rank-k of text -> visual is added, as "rank1".
    """
    ways = {"text_to_visual": score(similarity, relevant), "visual_to_text": score(similarity.T, relevant.T)}
    out = {way: {"mAP": round(100 * s.mAP, 4), "nDCG": round(100 * s.nDCG, 4)} for way, s in ways.items()}
    mean = {m: round(sum(v[m] for v in out.values()) / 2, 4) for m in ("mAP", "nDCG")}
    out["text_to_visual"] |= {f"rank{k}": round(100 * ways["text_to_visual"].rank(k), 4) for k in ranks}
    return out | {"mean": mean}


def _score(similarity: np.ndarray, relevant: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """AP, nDCG and the rank of the first item of relevance 1, of each query: [q] each."""
    order = np.argsort(-similarity.astype(np.float32), axis=1, kind="stable")
    exact = np.isclose(relevant, 1)
    hits = hits_in_ranking(order, exact, np.ones_like(exact))
    best = -np.sort(-relevant, axis=1)
    weight = (best > 0) / np.log2(np.arange(2, relevant.shape[1] + 2))   # zero after rank k
    gained = (np.take_along_axis(relevant, order, axis=1) * weight).sum(1)
    ideal = (best * weight).sum(1)
    ndcg = np.divide(gained, ideal, out=np.full(len(ideal), np.nan), where=ideal > 0)
    return average_precision(hits), ndcg, hits.first()
