"""Re-ranking: ours beside the code that re-identification projects copy from each other."""

import numpy as np

from actret_core.retrieval import Embeddings, Reranker, evaluate
from benchmarks.clock import timed
from benchmarks.public import load_torchreid
from benchmarks.sample import Sample
from benchmarks.suite import Case, Contender, Measured, Suite

PAPER = {"k1": 200, "k2": 20, "variant": "concatenated"}
LARGE = {"k1": 20, "k2": 6, "variant": "single"}
LAMBDA = 0.3
DENSE = 10_000  # items; above, no matrix N x N is made, and the quality of the ranking is not computed


def ours(sample: Sample, case: Case) -> tuple[Measured, np.ndarray]:
    """Ours: distances [N, N] where all pairs fit into memory, else the first hundred of each query, int [N, 100]."""

    def run() -> np.ndarray:
        reranker = Reranker(sample.features, **case.settings, lambda_=LAMBDA)
        return reranker.matrix() if case.n <= DENSE else reranker.ranking(100)[0]

    seconds, answer = timed(run)
    return {"seconds": seconds}, answer


def torchreid(sample: Sample, case: Case) -> tuple[Measured, np.ndarray]:
    """The public code, which has the concatenated variant only: query set and gallery are both the sample."""
    rerank = load_torchreid("utils/rerank").re_ranking

    def run() -> np.ndarray:
        distances = euclidean(sample.features)
        return rerank(distances, distances, distances, case.settings["k1"], case.settings["k2"], LAMBDA)

    seconds, distances = timed(run)
    return {"seconds": seconds}, distances


def euclidean(features: np.ndarray) -> np.ndarray:
    """Distances float32 [N, N] of unit vectors; the public code squares them."""
    return np.sqrt(np.maximum(2 - 2 * features @ features.T, 0))


def quality(sample: Sample, case: Case, distances: np.ndarray) -> Measured:
    """mAP and Rank-1 of the re-ranked gallery, in percent."""
    if case.n > DENSE:
        return {}
    items = Embeddings(sample.features, sample.labels, np.arange(case.n))
    scores = evaluate(items, distances=distances).as_percent()
    return {name: scores[name] for name in ("mAP", "rank1")}


def not_public(case: Case) -> str:
    """Why a case is not run: the public code stacks query set and gallery, in several matrices 2N x 2N."""
    if case.settings["variant"] != "concatenated":
        return "knows the concatenated variant alone"
    return f"each of its matrices 2N x 2N fills {16 * case.n**2 / 1e9:.0f} GB" if case.n > 6000 else ""


SUITE = Suite(
    cases=(Case(1000, 2048, PAPER), Case(5532, 2048, PAPER), Case(20_000, 256, LARGE), Case(100_000, 256, LARGE)),
    quick=(Case(200, 256, PAPER | {"k1": 10, "k2": 3}), Case(400, 256, LARGE)),
    contenders={
        "actret": Contender(ours),
        "torchreid": Contender(torchreid, package="torchreid", refuses=not_public),
    },
    quality=quality,
)
