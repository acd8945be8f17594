"""How sure a retrieval score is, and whether two methods differ: scipy's resampling, with bounded memory."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import bootstrap, monte_carlo_test

from actret_core.config import require
from actret_core.errors import EmbeddingError

BATCH_DRAWS = 1_000_000  # random numbers held at a time: about 20 MB


@dataclass(frozen=True)
class PairedTest:
    """Whether two methods differ: the mean difference first - second, in the unit given, and its two-sided p-value."""

    difference: float
    p_value: float
    n_queries: int


def bootstrap_interval(
    per_query: np.ndarray, resamples: int = 10_000, confidence: float = 0.95, seed: int = 0
) -> tuple[float, float]:
    """Percentile bootstrap interval of the mean over queries, in the unit given.

    per_query [Q] are the AP of `RetrievalMetrics`, or the differences of two methods' AP; NaN (no query, or no
    positive) is left out. Queries are drawn with replacement against a fixed gallery: the interval covers the
    choice of queries, not the training seed. Raises EmbeddingError with fewer than two scored queries;
    ConfigError for no resamples or a confidence outside (0, 1).
    """
    require(0 < confidence < 1, "confidence", confidence, "a number between 0 and 1")
    scored = _scored(per_query, resamples)
    interval = bootstrap(
        (scored,), np.mean, n_resamples=resamples, batch=_batch(scored), vectorized=True, confidence_level=confidence,
        method="percentile", rng=np.random.default_rng(seed),
    ).confidence_interval
    return float(interval.low), float(interval.high)


def paired_test(first: np.ndarray, second: np.ndarray, resamples: int = 10_000, seed: int = 0) -> PairedTest:
    """Sign-flip permutation test on the AP of two methods, first and second [Q], of the same queries.

    If the methods were alike, each query's difference could as well have had the other sign. The p-value is the
    share of random signs under which the mean difference is at least as far from zero as the one seen. The one
    seen counts as one of them, so that the p-value is never below 1 / (resamples + 1). Raises EmbeddingError where
    the two do not score the same queries, or fewer than two; ConfigError for no resamples.
    """
    first, second = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if first.shape != second.shape or (np.isnan(first) != np.isnan(second)).any():
        raise EmbeddingError(
            f"first scores {np.sum(~np.isnan(first))} of {first.shape} queries, second {np.sum(~np.isnan(second))} "
            f"of {second.shape}: a paired test needs the AP of the same queries in the same order"
        )
    differences = _scored(first - second, resamples)
    rng = np.random.default_rng(seed)

    def with_random_signs(size: tuple[int, int]) -> np.ndarray:
        return (1 - 2 * rng.integers(2, size=size, dtype=np.int8)) * differences

    # the same test as scipy's `permutation_test` of "samples", which takes 20 times as long
    test = monte_carlo_test(
        differences, with_random_signs, _distance_from_zero, n_resamples=resamples, batch=_batch(differences),
        vectorized=True, alternative="greater",
    )
    return PairedTest(float(differences.mean()), float(test.pvalue), len(differences))


def _distance_from_zero(differences: np.ndarray, axis: int) -> np.ndarray:
    return np.abs(differences.mean(axis=axis))


def _scored(values: np.ndarray, resamples: int) -> np.ndarray:
    """The values that are not NaN, of at least two queries."""
    require(resamples >= 1, "resamples", resamples, "at least 1")
    scored = np.asarray(values, dtype=np.float64)
    scored = scored[~np.isnan(scored)]
    if len(scored) < 2:
        raise EmbeddingError(f"per_query holds {len(scored)} scored queries: an interval needs at least two")
    return scored


def _batch(scored: np.ndarray) -> int:
    """How many resamples to draw at a time."""
    return max(1, BATCH_DRAWS // len(scored))
