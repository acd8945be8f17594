"""How sure a retrieval score is, and the difference between two methods."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from actret_core.config import require
from actret_core.errors import EmbeddingError

CHUNK_DRAWS = 1_000_000  # draws at a time: about 20 MB


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
    positive) is left out. Queries are drawn with replacement against a fixed gallery: the interval speaks of
    other queries, not of other training runs. Raises EmbeddingError with fewer than two scored queries;
    ConfigError for no resamples or a confidence outside (0, 1).
    """
    require(0 < confidence < 1, "confidence", confidence, "a number between 0 and 1")
    scored = _scored(per_query, resamples)
    rng = np.random.default_rng(seed)
    means = np.concatenate(
        [
            scored[rng.integers(0, len(scored), (count, len(scored)))].mean(axis=1)
            for count in _counts(resamples, len(scored))
        ]
    )
    low, high = np.percentile(means, [50 - 50 * confidence, 50 + 50 * confidence])
    return float(low), float(high)


def paired_test(first: np.ndarray, second: np.ndarray, resamples: int = 10_000, seed: int = 0) -> PairedTest:
    """Sign-flip permutation test on the AP of two methods, first and second [Q], of the same queries.

    If the methods were alike, each query's difference could as well have had the other sign. The p-value is the
    share of random signs under which the mean difference is at least as far from zero as the one seen, which
    counts as one of them: it is never below 1 / (resamples + 1). Raises EmbeddingError where the two do not
    score the same queries, or fewer than two; ConfigError for no resamples.
    """
    first, second = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if first.shape != second.shape or (np.isnan(first) != np.isnan(second)).any():
        raise EmbeddingError(
            f"first scores {np.sum(~np.isnan(first))} of {first.shape} queries, second {np.sum(~np.isnan(second))} "
            f"of {second.shape}: a paired test needs the AP of the same queries in the same order"
        )
    differences = _scored(first - second, resamples)
    seen = abs(differences.sum()) - 1e-12 * abs(differences).sum()  # rounding shall break no tie
    rng = np.random.default_rng(seed)
    as_far = 1
    for count in _counts(resamples, len(differences)):
        flipped = _coins(rng, count, len(differences)) @ differences  # sum of those whose sign is flipped
        as_far += np.sum(abs(differences.sum() - 2 * flipped) >= seen)
    return PairedTest(float(differences.mean()), float(as_far / (resamples + 1)), len(differences))


def _scored(values: np.ndarray, resamples: int) -> np.ndarray:
    require(resamples >= 1, "resamples", resamples, "at least 1")
    scored = np.asarray(values, dtype=np.float64)
    scored = scored[~np.isnan(scored)]
    if len(scored) < 2:
        raise EmbeddingError(f"per_query holds {len(scored)} scored queries: an interval needs at least two")
    return scored


def _counts(resamples: int, queries: int) -> Iterator[int]:
    """How many resamples to draw at a time."""
    step = max(1, CHUNK_DRAWS // queries)
    return (min(step, resamples - done) for done in range(0, resamples, step))


def _coins(rng: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    """Fair coins, float64 0 or 1 [rows, columns], one random bit each."""
    width = -(-columns // 8)
    bits = np.frombuffer(rng.bytes(rows * width), np.uint8).reshape(rows, width)
    return np.unpackbits(bits, axis=1, count=columns).astype(np.float64)
