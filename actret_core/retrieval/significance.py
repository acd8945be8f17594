"""How sure a retrieval score is."""

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
