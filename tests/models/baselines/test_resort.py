import numpy as np
import pytest
import torch
from torch import Tensor, nn

from actret_core.errors import ConfigError, EmbeddingError
from actret_core.models.baselines.rrt import rerank_pairs
from actret_core.models.config import Output
from actret_core.retrieval import Embeddings, evaluate

QUERIES = GALLERY = torch.randn(9, 4, 6, generator=torch.manual_seed(3))


class Asymmetric(nn.Module):
    """A pair's logit is a product of both images' descriptors that depends on their order."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(6, 6, generator=torch.manual_seed(4)))
        self.seen = 0

    def match(self, first: Tensor, second: Tensor) -> Output:
        self.seen = max(self.seen, len(first))
        logits = (first.mean(1) @ self.weight * second.mean(1)).sum(1, keepdim=True)
        return Output(first[:, 0], logits)


def score(query: int, item: int) -> float:
    return (QUERIES[query].mean(0) @ Asymmetric().weight @ GALLERY[item].mean(0)).item()


@pytest.fixture
def ranking() -> np.ndarray:
    """Of every query the eight others, in a random order."""
    rng = np.random.default_rng(0)
    return np.stack([rng.permutation([i for i in range(9) if i != q]) for q in range(9)]).astype(np.int32)


@pytest.mark.parametrize("symmetric", [False, True])
@pytest.mark.parametrize("top", [1, 5, 8])
def test_the_best_are_sorted_and_the_tail_stays(ranking: np.ndarray, top: int, symmetric: bool) -> None:
    found = rerank_pairs(Asymmetric(), ranking, QUERIES, GALLERY, top, symmetric=symmetric)
    for q, (row, before) in enumerate(zip(found, ranking, strict=True)):
        scores = {i: score(q, i) + symmetric * score(i, q) for i in before[:top].tolist()}
        assert row[:top].tolist() == sorted(scores, key=scores.get, reverse=True)
        assert row[top:].tolist() == before[top:].tolist()
    assert found.dtype == ranking.dtype


def test_chunks_change_nothing_and_are_bounded(ranking: np.ndarray) -> None:
    whole = rerank_pairs(Asymmetric(), ranking, QUERIES, GALLERY, 6)
    for chunk in (1, 7, 54):
        model = Asymmetric()
        np.testing.assert_array_equal(rerank_pairs(model, ranking, QUERIES, GALLERY, 6, chunk), whole)
        assert model.seen == chunk


def test_equal_scores_keep_the_global_order(ranking: np.ndarray) -> None:
    model = Asymmetric()
    model.weight.data.zero_()
    np.testing.assert_array_equal(rerank_pairs(model, ranking, QUERIES, GALLERY, 8), ranking)


def test_the_given_ranking_is_not_changed(ranking: np.ndarray) -> None:
    before = ranking.copy()
    rerank_pairs(Asymmetric(), ranking, QUERIES, GALLERY, 5)
    np.testing.assert_array_equal(ranking, before)


def test_the_metrics_take_it(ranking: np.ndarray) -> None:
    """A perfect first place for everyone, if the model says 1 for a shared action."""

    class Oracle(Asymmetric):
        def match(self, first: Tensor, second: Tensor) -> Output:
            return Output(first[:, 0], (first[:, 0, :1] == second[:, 0, :1]).float())

    labels = np.arange(9) % 3
    local = torch.from_numpy(labels).float()[:, None, None].expand(-1, 2, 6)
    embeddings = Embeddings(np.eye(9, dtype=np.float32), labels, np.arange(9).astype(str))
    found = evaluate(embeddings, ranking=rerank_pairs(Oracle(), ranking, local, local, 8))
    assert found.mAP == found.rank1 == 1 and evaluate(embeddings, ranking=ranking).mAP < 1


def test_more_than_the_gallery_has(ranking: np.ndarray) -> None:
    with pytest.raises(ConfigError, match="top=100: expected 1 to 8: the ranking has 8 places in a gallery of 9"):
        rerank_pairs(Asymmetric(), ranking, QUERIES, GALLERY)
    with pytest.raises(ConfigError, match="top=0: expected 1 to 8"):
        rerank_pairs(Asymmetric(), ranking, QUERIES, GALLERY, 0)


def test_a_ranking_of_other_sets(ranking: np.ndarray) -> None:
    with pytest.raises(EmbeddingError, match=r"ranking \(9, 8\) does not fit 4 queries and 9 items"):
        rerank_pairs(Asymmetric(), ranking, QUERIES[:4], GALLERY, 3)
    with pytest.raises(EmbeddingError, match="does not fit 9 queries and 5 items"):
        rerank_pairs(Asymmetric(), ranking, QUERIES, GALLERY[:5], 3)
