"""How sure a retrieval score is."""

from typing import NamedTuple

import numpy as np
from scipy.stats import bootstrap

from actret_core.errors import EmbeddingError


def bootstrap_interval(
    per_query: np.ndarray, resamples: int = 10_000, confidence: float = 0.95, seed: int = 0
) -> tuple[float, float]:
    """Percentile bootstrap interval of the mean over queries, in the unit given.

    per_query [Q] are the AP of `RetrievalMetrics`; NaN (no query, or no positive) is left out. Queries are
    drawn with replacement against a fixed gallery: the interval speaks of other queries, not of other
    training runs. Raises EmbeddingError with fewer than two scored queries.
    """
    scored = np.asarray(per_query, dtype=np.float64)
    scored = scored[~np.isnan(scored)]
    if len(scored) < 2:
        raise EmbeddingError(f"per_query holds {len(scored)} scored queries: an interval needs at least two")
    result = bootstrap(
        (scored,),
        np.mean,
        method="percentile",
        confidence_level=confidence,
        n_resamples=resamples,
        batch=500,
        rng=np.random.default_rng(seed),
    )
    return float(result.confidence_interval.low), float(result.confidence_interval.high)


class PairedTest(NamedTuple):
    """Mean of a - b over the queries, and how often chance alone would give one as far from zero."""

    difference: float
    p_value: float


def paired_permutation_test(a: np.ndarray, b: np.ndarray, resamples: int = 10_000, seed: int = 0) -> PairedTest:
    """Two-sided sign-flip test of two methods on the same queries.

    a and b [Q] are per-query APs, NaN at the same queries. Raises EmbeddingError for other shapes.
    """
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if a.shape != b.shape or a.ndim != 1 or (np.isnan(a) != np.isnan(b)).any():
        raise EmbeddingError(f"a is {a.shape}, b {b.shape}: both must be [Q], NaN at the same queries")
    change = (a - b)[~np.isnan(a)]
    rng = np.random.default_rng(seed)
    sums = [(2.0 * rng.integers(0, 2, (100, len(change))) - 1) @ change for _ in range(-(-resamples // 100))]
    extreme = np.abs(np.concatenate(sums)[:resamples]) >= abs(change.sum()) - 1e-12
    return PairedTest(float(change.mean()), float((1 + extreme.sum()) / (1 + resamples)))
