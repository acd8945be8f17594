import numpy as np
import pytest

from actret_core.errors import EmbeddingError
from actret_core.retrieval.significance import bootstrap_interval


def test_equals_resampling_by_hand():
    ap = np.random.default_rng(0).random(300)
    rng = np.random.default_rng(1)
    means = [rng.choice(ap, size=300).mean() for _ in range(4000)]
    np.testing.assert_allclose(bootstrap_interval(ap), np.percentile(means, [2.5, 97.5]), atol=3e-3)


def test_agrees_with_the_normal_interval_of_many_queries():
    ap = np.random.default_rng(0).random(5000)
    half = 1.96 * ap.std(ddof=1) / np.sqrt(5000)
    np.testing.assert_allclose(bootstrap_interval(ap, 2000), [ap.mean() - half, ap.mean() + half], atol=5e-4)


def test_one_seed_one_interval_and_nan_is_left_out():
    ap = np.random.default_rng(0).random(50)
    assert bootstrap_interval(ap, 500) == bootstrap_interval(np.append(ap, np.nan), 500)
    assert bootstrap_interval(ap, 500) != bootstrap_interval(ap, 500, seed=1)


def test_equal_queries_leave_no_doubt():
    assert bootstrap_interval(np.full(20, 0.5), 100) == (0.5, 0.5)


def test_one_query_is_refused():
    with pytest.raises(EmbeddingError, match="1 scored"):
        bootstrap_interval(np.array([0.3, np.nan]))
