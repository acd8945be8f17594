import itertools

import numpy as np
import pytest
from scipy.stats import bootstrap, permutation_test

from actret_core.errors import ConfigError, EmbeddingError
from actret_core.retrieval import significance
from actret_core.retrieval.significance import bootstrap_interval, paired_test


@pytest.mark.parametrize("confidence", [0.9, 0.95])
def test_equals_scipys_bootstrap_of_one_seed(confidence):
    ap = np.random.default_rng(0).random(300)
    options = {"method": "percentile", "n_resamples": 777, "confidence_level": confidence, "vectorized": True}
    expected = bootstrap((ap,), np.mean, rng=np.random.default_rng(5), **options).confidence_interval
    ours = bootstrap_interval(ap, 777, confidence, seed=5)
    np.testing.assert_allclose(ours, [expected.low, expected.high], atol=1e-12)


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


def test_chunks_do_not_change_the_interval(monkeypatch):
    ap = np.random.default_rng(0).random(40)
    whole = bootstrap_interval(ap, 500)
    monkeypatch.setattr(significance, "BATCH_DRAWS", 97)
    assert bootstrap_interval(ap, 500) == whole


def test_equal_queries_leave_no_doubt():
    assert bootstrap_interval(np.full(20, 0.5), 100) == (0.5, 0.5)


@pytest.mark.parametrize("shift", [0.0, 0.02, 0.1])
def test_p_value_is_that_of_scipy(shift):
    rng = np.random.default_rng(3)
    first = rng.random(40)
    second = first + rng.normal(shift, 0.1, 40)
    options = {"permutation_type": "samples", "n_resamples": 20_000, "rng": np.random.default_rng(1)}
    expected = permutation_test((first, second), lambda a, b: np.mean(a - b), **options)
    ours = paired_test(first, second, resamples=20_000)
    assert ours.difference == pytest.approx(expected.statistic)
    assert ours.p_value == pytest.approx(expected.pvalue, abs=0.015)
    assert ours.n_queries == 40


@pytest.mark.parametrize("differences", [[1, 1, 1, 1, 1], [0.1, 0.2, 0.3, -0.4, 0.5, 0.1], [0.1, -0.1, 0.1, 0.1]])
def test_p_value_is_the_share_of_all_sign_flips(differences):
    """Ties included: many flips have just the difference that was seen."""
    differences = np.array(differences)
    signs = np.array(list(itertools.product([-1, 1], repeat=len(differences))))
    share = (abs(signs @ differences) > abs(differences.sum()) - 1e-9).mean()
    ours = paired_test(differences, np.zeros(len(differences)), resamples=50_000)
    assert ours.p_value == pytest.approx(share, abs=0.01)


def test_alike_methods_differ_by_nothing_and_clear_ones_by_as_much_as_can_be_told():
    ap = np.random.default_rng(0).random(100)
    assert paired_test(ap, ap).p_value == 1
    clear = paired_test(ap + 0.5, ap, resamples=999)
    assert clear.p_value == pytest.approx(1 / 1000) and clear.difference == pytest.approx(0.5)
    assert paired_test(ap, ap + 0.5).difference == pytest.approx(-0.5)


def test_one_seed_one_p_value_and_nan_is_left_out():
    first, second = np.random.default_rng(0).random((2, 60))
    once = paired_test(first, second)
    assert once == paired_test(np.append(first, np.nan), np.append(second, np.nan))
    assert once.p_value == pytest.approx(paired_test(first, second, seed=1).p_value, abs=0.03)


def test_other_queries_are_refused():
    ap = np.array([0.1, 0.2, np.nan])
    for other in (np.array([0.1, np.nan, 0.2]), np.array([0.1, 0.2])):
        with pytest.raises(EmbeddingError, match="same queries"):
            paired_test(ap, other)


def test_one_query_and_bad_settings_are_refused():
    with pytest.raises(EmbeddingError, match="1 scored"):
        bootstrap_interval(np.array([0.3, np.nan]))
    with pytest.raises(EmbeddingError, match="1 scored"):
        paired_test(np.array([0.3, np.nan]), np.array([0.2, np.nan]))
    with pytest.raises(ConfigError, match="resamples"):
        bootstrap_interval(np.ones(3), resamples=0)
    for confidence in (0, 1, np.nan):
        with pytest.raises(ConfigError, match="confidence"):
            bootstrap_interval(np.ones(3), confidence=confidence)
