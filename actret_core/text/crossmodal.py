"""How good retrieval across words and images is: mAP and nDCG under a relevance that knows degrees."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from actret_core.errors import EmbeddingError
from actret_core.retrieval.hits import average_precision, hits_in_ranking
from actret_core.retrieval.threads import chunks, rows_per_chunk
from actret_core.text.phrase import Phrase


@dataclass(frozen=True, eq=False)
class Parts:
    """What N captions or images are about: `verb` int [N], a class each, and `nouns` bool [N, K], a set each."""

    verb: np.ndarray
    nouns: np.ndarray

    def __getitem__(self, rows: np.ndarray | slice) -> "Parts":
        return Parts(self.verb[rows], self.nouns[rows])


def parts_of(phrases: Sequence[Phrase], verbs: Mapping[str, int], nouns: Mapping[str, int]) -> Parts:
    """The parts of phrases, by the class of each verb and of each noun; those that have none are left out (verb -1)."""
    hot = np.zeros((len(phrases), max(nouns.values(), default=-1) + 1), bool)
    for row, phrase in zip(hot, phrases, strict=True):
        row[[nouns[noun] for noun in phrase.nouns if noun in nouns]] = True
    return Parts(np.array([verbs.get(phrase.verb, -1) for phrase in phrases]), hot)


def relevance(queries: Parts, gallery: Parts) -> np.ndarray:
    """(same verb + intersection over union of the nouns) / 2, float32 [Q, G].

    Where neither side has a noun, there is nothing to intersect: the verb decides alone. Raises EmbeddingError if the
    two count other nouns.
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
    """Fractions in [0, 1]: `mAP` and `nDCG`, and those of each query, float [Q], NaN where it has nothing to find.

    `first` float [Q]: the rank of the best item of relevance 1, inf without any.
    """

    mAP: float
    nDCG: float
    ap: np.ndarray
    ndcg: np.ndarray
    first: np.ndarray

    def rank(self, k: int) -> float:
        """Rank-k: the share of queries, of those with an item of relevance 1, that show one among the first k."""
        return float((self.first[np.isfinite(self.first)] <= k).mean())


def score(similarity: np.ndarray, relevant: np.ndarray) -> CrossModalScores:
    """Rank the gallery by similarity [Q, G], as float32 and ties by index, against a relevance [Q, G] in [0, 1].

    AP counts items of relevance 1 alone. DCG sums relevance / log2(1 + rank) down to the rank k at which a perfect
    ranking has shown all that is relevant at all; nDCG divides by that of the perfect ranking. Raises EmbeddingError
    where the shapes differ, a similarity is not finite, or no query has an item of relevance 1.
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

    `ranks`: each k for which Rank-k of text -> visual is wanted too, as "rank1".
    """
    ways = {"text_to_visual": score(similarity, relevant), "visual_to_text": score(similarity.T, relevant.T)}
    out = {way: {"mAP": round(100 * s.mAP, 4), "nDCG": round(100 * s.nDCG, 4)} for way, s in ways.items()}
    mean = {m: round(sum(v[m] for v in out.values()) / 2, 4) for m in ("mAP", "nDCG")}
    out["text_to_visual"] |= {f"rank{k}": round(100 * ways["text_to_visual"].rank(k), 4) for k in ranks}
    return out | {"mean": mean}


def _score(similarity: np.ndarray, relevant: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    order = np.argsort(-similarity.astype(np.float32), axis=1, kind="stable")
    exact = np.isclose(relevant, 1)
    hits = hits_in_ranking(order, exact, np.ones_like(exact))
    best = -np.sort(-relevant, axis=1)
    weight = (best > 0) / np.log2(np.arange(2, relevant.shape[1] + 2))   # zero behind rank k
    gained = (np.take_along_axis(relevant, order, axis=1) * weight).sum(1)
    ideal = (best * weight).sum(1)
    ndcg = np.divide(gained, ideal, out=np.full(len(ideal), np.nan), where=ideal > 0)
    return average_precision(hits), ndcg, hits.first()
