"""Recognition beside scikit-learn, and its bootstrap beside scikit-learn on samples that are drawn in full."""

import logging

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from actret_core.errors import ConfigError, EmbeddingError
from actret_core.retrieval.recognition import recognition_ap, recognition_draws, recognition_map


def test_recognition_map_is_the_mean_over_classes(caplog):
    rng = np.random.default_rng(0)
    scores, targets = rng.random((50, 4)), rng.random((50, 4)) < 0.3
    expected = np.mean([average_precision_score(targets[:, c], scores[:, c]) for c in range(4)])
    assert recognition_map(scores, targets) == pytest.approx(expected)
    targets[:, 1] = False
    expected = np.mean([average_precision_score(targets[:, c], scores[:, c]) for c in (0, 2, 3)])
    with caplog.at_level(logging.WARNING):
        assert recognition_map(scores, targets) == pytest.approx(expected)
    assert "leaves out 1 classes" in caplog.text


def test_recognition_map_by_hand():
    assert recognition_map([[0.9], [0.8], [0.7]], [[True], [False], [True]]) == pytest.approx((1 + 2 / 3) / 2)


@pytest.mark.parametrize(
    "scores, targets",
    [
        (np.ones((3, 2)), np.ones((2, 2))),
        (np.full((2, 2), np.nan), np.ones((2, 2))),
        (np.ones((2, 2)), np.zeros((2, 2))),
    ],
)
def test_recognition_map_refuses_what_it_cannot_score(scores, targets):
    with pytest.raises(EmbeddingError):
        recognition_map(scores, targets)
    with pytest.raises(EmbeddingError):
        recognition_draws(scores, targets)


def test_a_class_without_a_positive_has_no_ap():
    each = recognition_ap([[0.9, 0.1], [0.2, 0.3]], [[True, False], [False, False]])
    assert each[0] == 1 and np.isnan(each[1])


def test_draws_are_the_map_of_images_drawn_with_replacement():
    """Few images, so that a sample lacks a class now and then; and scores that tie."""
    rng = np.random.default_rng(1)
    scores, targets = rng.integers(0, 6, (12, 3)) / 6, rng.random((12, 3)) < 0.3
    targets[:3] = np.eye(3, dtype=bool)
    counts = np.random.default_rng(5).multinomial(12, np.full(12, 1 / 12), 40)
    expected = []
    for count in counts:
        rows = np.repeat(np.arange(12), count)
        seen = [c for c in range(3) if targets[rows, c].any()]
        expected.append(np.mean([average_precision_score(targets[rows, c], scores[rows, c]) for c in seen]))
    assert recognition_draws(scores, targets, resamples=40, seed=5) == pytest.approx(np.array(expected))


def test_draws_of_two_classifiers_are_paired_by_their_seed():
    rng = np.random.default_rng(2)
    targets = rng.random((60, 2)) < 0.5
    scores = targets + rng.normal(0, 1, (60, 2))
    first, second = recognition_draws(scores, targets, 50, seed=3), recognition_draws(2 * scores, targets, 50, seed=3)
    assert np.array_equal(first, second) and first.std() > 0
    assert not np.array_equal(first, recognition_draws(scores, targets, 50, seed=4))
    assert abs(first.mean() - recognition_map(scores, targets)) < 3 * first.std()


def test_no_resamples_are_refused():
    with pytest.raises(ConfigError, match="resamples"):
        recognition_draws(np.ones((2, 1)), np.ones((2, 1)), resamples=0)
