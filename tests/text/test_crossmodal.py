import numpy as np
import pytest
from sklearn.metrics import average_precision_score, ndcg_score

from actret_core.errors import EmbeddingError
from actret_core.text.crossmodal import Parts, parts_of, relevance, score, score_both_ways
from actret_core.text.phrase import Phrase

PHRASES = [Phrase("ride", ("bike",)), Phrase("ride", ("horse",)), Phrase("cut", ("onion", "knife")),
           Phrase("cut", ("knife",)), Phrase("jump"), Phrase("run")]
VERBS = {"ride": 0, "cut": 1, "jump": 2, "run": 3}
NOUNS = {"bike": 0, "horse": 1, "onion": 2, "knife": 3}


def _naive_relevance(a: Phrase, b: Phrase) -> float:
    if not a.nouns and not b.nouns:
        return float(a.verb == b.verb)
    shared, union = set(a.nouns) & set(b.nouns), set(a.nouns) | set(b.nouns)
    return ((a.verb == b.verb) + len(shared) / len(union)) / 2


def test_relevance_equals_the_loop() -> None:
    parts = parts_of(PHRASES, VERBS, NOUNS)
    expected = [[_naive_relevance(a, b) for b in PHRASES] for a in PHRASES]
    np.testing.assert_allclose(relevance(parts, parts), expected)
    assert expected[0][1] == 0.5 and expected[2][3] == 0.75 and expected[4] == [0, 0, 0, 0, 1, 0]


def test_unknown_verbs_and_nouns_are_relevant_to_nothing() -> None:
    parts = parts_of([Phrase("zap"), Phrase("zap", ("ufo",))], VERBS, NOUNS)
    assert parts.verb.tolist() == [-1, -1] and not parts.nouns.any()
    assert not relevance(parts, parts).any()
    assert parts[[1]].verb.tolist() == [-1]


def test_other_lists_of_nouns() -> None:
    one, two = Parts(np.zeros(1, int), np.zeros((1, 2), bool)), Parts(np.zeros(1, int), np.zeros((1, 3), bool))
    with pytest.raises(EmbeddingError, match="nouns have width 2 in the queries and 3 in the gallery"):
        relevance(one, two)


def _naive(similarity: np.ndarray, relevant: np.ndarray) -> tuple[list[float], list[float]]:
    aps, ndcgs = [], []
    for sims, rels in zip(similarity, relevant, strict=True):
        order = sorted(range(len(sims)), key=lambda i: (-sims[i], i))
        found, precisions = 0, []
        for rank, item in enumerate(order, start=1):
            if rels[item] == 1:
                found += 1
                precisions.append(found / rank)
        aps.append(sum(precisions) / sum(rels == 1) if (rels == 1).any() else np.nan)
        k = int((rels > 0).sum())
        gain = sum(rels[item] / np.log2(rank + 1) for rank, item in enumerate(order[:k], start=1))
        best = sum(r / np.log2(rank + 1) for rank, r in enumerate(sorted(rels, reverse=True)[:k], start=1))
        ndcgs.append(gain / best if k else np.nan)
    return aps, ndcgs


@pytest.fixture
def problem() -> tuple[np.ndarray, np.ndarray]:
    """Rounded similarities, so that some tie; the last query is relevant to nothing."""
    rng = np.random.default_rng(0)
    relevant = rng.choice([0, 0, 0.25, 0.5, 1], size=(9, 40))
    relevant[-1] = 0
    return rng.normal(size=(9, 40)).round(1), relevant


def test_scores_equal_the_loop(problem: tuple[np.ndarray, np.ndarray]) -> None:
    found, (aps, ndcgs) = score(*problem), _naive(*problem)
    np.testing.assert_allclose(found.ap, aps)
    np.testing.assert_allclose(found.ndcg, ndcgs, rtol=1e-6)
    assert found.mAP == pytest.approx(np.nanmean(aps)) and found.nDCG == pytest.approx(np.nanmean(ndcgs))
    assert np.isnan(found.ap[-1])


def test_scores_equal_scikit_learn(problem: tuple[np.ndarray, np.ndarray]) -> None:
    relevant = problem[1][:-1]
    similarity = np.random.default_rng(1).normal(size=relevant.shape)     # which does not tie
    found = score(similarity, relevant)
    for row, (sims, rels) in enumerate(zip(similarity, relevant, strict=True)):
        assert found.ap[row] == pytest.approx(average_precision_score(rels == 1, sims))
        assert found.ndcg[row] == pytest.approx(ndcg_score([rels], [sims], k=int((rels > 0).sum())))


def test_partly_relevant_items_do_not_count_in_ap() -> None:
    found = score(np.array([[3.0, 2.0, 1.0]]), np.array([[0.5, 1.0, 0.0]]))
    assert found.mAP == 0.5, "the item at rank 1 is no hit"
    # DCG: 0.5 / log2(2) + 1 / log2(3); best: 1 / log2(2) + 0.5 / log2(3)
    assert found.nDCG == pytest.approx((0.5 + 1 / np.log2(3)) / (1 + 0.5 / np.log2(3)))


def test_both_ways_and_their_mean(problem: tuple[np.ndarray, np.ndarray]) -> None:
    found, there, back = score_both_ways(*problem), score(*problem), score(problem[0].T, problem[1].T)
    assert found["text_to_visual"] == {"mAP": round(100 * there.mAP, 4), "nDCG": round(100 * there.nDCG, 4)}
    assert found["visual_to_text"]["mAP"] == round(100 * back.mAP, 4)
    assert found["mean"]["mAP"] == pytest.approx(50 * (there.mAP + back.mAP), abs=1e-3)


def test_rank_k_by_hand() -> None:
    """The right item stands first, third, nowhere; a query with nothing to find does not count."""
    similarity = np.array([[3.0, 2, 1], [3, 2, 1], [3, 2, 1]])
    relevant = np.array([[1.0, 0, 1], [0.5, 0.5, 1], [0, 0, 0]])
    found = score(similarity, relevant)
    assert found.first.tolist() == [1, 3, np.inf] and [found.rank(k) for k in (1, 2, 3)] == [0.5, 0.5, 1]
    both = score_both_ways(similarity, relevant, ranks=(1, 3))
    assert both["text_to_visual"]["rank1"] == 50 and both["text_to_visual"]["rank3"] == 100
    assert set(both["visual_to_text"]) == set(both["mean"]) == {"mAP", "nDCG"}


def test_wrong_input(problem: tuple[np.ndarray, np.ndarray]) -> None:
    similarity, relevant = problem
    with pytest.raises(EmbeddingError, match=r"similarity is \(9, 39\), relevance \(9, 40\)"):
        score(similarity[:, 1:], relevant)
    with pytest.raises(EmbeddingError, match="NaN or inf"):
        score(np.where(similarity > 1, np.nan, similarity), relevant)
    with pytest.raises(EmbeddingError, match="no query has an item that shares its verb and all its nouns"):
        score(similarity, relevant / 2)
