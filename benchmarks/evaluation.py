"""Evaluation: similarities, rankings, mAP and Rank-1 of a set in which each item is a query against all others."""

import warnings
from functools import partial

import numpy as np
from sklearn.metrics import average_precision_score

from actret_core.retrieval import Embeddings, evaluate
from benchmarks.clock import timed
from benchmarks.public import load_torchreid
from benchmarks.sample import Sample
from benchmarks.suite import Case, Contender, Measured, Suite

Answer = tuple[float, float]
"""mAP and Rank-1, fractions."""


def ours(sample: Sample, case: Case) -> tuple[Measured, Answer]:
    """Ours."""
    items = Embeddings(sample.features, sample.labels, np.arange(case.n))
    seconds, metrics = timed(partial(evaluate, items))
    return {"seconds": seconds}, (metrics.mAP, metrics.rank1)


def metric_learning(sample: Sample, case: Case) -> tuple[Measured, Answer]:
    """PyTorch Metric Learning's calculator, with its exact FAISS search of all neighbors."""
    import torch
    from pytorch_metric_learning.utils.accuracy_calculator import AccuracyCalculator

    wanted = ("mean_average_precision", "precision_at_1")
    calculator = AccuracyCalculator(include=wanted, k=None, device=torch.device("cpu"))
    features, labels = torch.from_numpy(sample.features), torch.from_numpy(sample.labels)
    seconds, found = timed(partial(calculator.get_accuracy, features, labels))
    return {"seconds": seconds}, (found[wanted[0]], found[wanted[1]])


def torchreid(sample: Sample, case: Case) -> tuple[Measured, Answer]:
    """The public evaluation in Python. It skips items of the query's label and camera; each item has its own camera."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")                               # that its compiled part is not built
        evaluate_rank = load_torchreid("metrics/rank").evaluate_rank
    own = np.arange(case.n)

    def run() -> tuple[np.ndarray, float]:
        distances = 1 - sample.features @ sample.features.T
        return evaluate_rank(distances, sample.labels, sample.labels, own, own, max_rank=5, use_cython=False)

    seconds, (cmc, mean_ap) = timed(run)
    return {"seconds": seconds}, (float(mean_ap), float(cmc[0]))


def scikit_learn(sample: Sample, case: Case) -> tuple[Measured, Answer]:
    """scikit-learn's average precision, query by query."""

    def run() -> Answer:
        scores = [_one_query(sample, row) for row in range(case.n)]
        return tuple(np.mean(scores, axis=0).tolist())

    seconds, answer = timed(run)
    return {"seconds": seconds}, answer


def _one_query(sample: Sample, row: int) -> tuple[float, bool]:
    similarity = np.delete(sample.features @ sample.features[row], row)
    relevant = np.delete(sample.labels, row) == sample.labels[row]
    return average_precision_score(relevant, similarity), relevant[similarity.argmax()]


def quality(sample: Sample, case: Case, answer: Answer) -> Measured:
    """mAP and Rank-1 in percent."""
    return {"mAP": round(100 * answer[0], 4), "rank1": round(100 * answer[1], 4)}


def too_many(case: Case) -> str:
    """Why a case is not run: both public programs hold several such matrices."""
    return f"a matrix N x N of indices fills {8 * case.n**2 / 1e9:.0f} GB" if case.n > 6000 else ""


def too_long(case: Case) -> str:
    """Why a case is not run: each query takes a pass over the whole gallery."""
    return f"{case.n} queries, one at a time, take too long" if case.n > 6000 else ""


SUITE = Suite(
    cases=(Case(5532, 2048), Case(50_000, 256)),
    quick=(Case(300, 256),),
    contenders={
        "actret": Contender(ours),
        "pytorch-metric-learning": Contender(metric_learning, "pytorch-metric-learning", too_many),
        "torchreid": Contender(torchreid, "torchreid", too_many),
        "scikit-learn": Contender(scikit_learn, refuses=too_long),
    },
    quality=quality,
)
