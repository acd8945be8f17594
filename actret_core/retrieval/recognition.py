"""How well a classifier recognizes (Table 3): the average precision of every action, their mean, and its spread."""

import logging

import numpy as np

from actret_core.config import require
from actret_core.errors import EmbeddingError

logger = logging.getLogger(__name__)


def recognition_ap(scores: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """The average precision of each class, fractions [C]; NaN for a class without a positive.

    Equal to scikit-learn's `average_precision_score`: images of equal scores share a threshold.

    scores [N, C], higher means more likely; targets [N, C] bool. Raises EmbeddingError for other shapes, NaN, or no
    positive at all.
    """
    scores, targets = _checked(scores, targets)
    out, once = np.full(targets.shape[1], np.nan), np.ones((1, len(scores)), np.int32)
    for column in np.flatnonzero(targets.any(axis=0)):
        out[column] = _weighted_ap(scores[:, column], targets[:, column], once)[0]
    return out


def recognition_map(scores: np.ndarray, targets: np.ndarray) -> float:
    """The mean of `recognition_ap`, a fraction; a warning in the log counts the classes that are left out."""
    each = recognition_ap(scores, targets)
    if np.isnan(each).any():
        logger.warning("recognition mAP leaves out %d classes without a positive", np.isnan(each).sum())
    return float(np.nanmean(each))


def recognition_draws(
    scores: np.ndarray, targets: np.ndarray, resamples: int = 1000, seed: int = 0
) -> np.ndarray:
    """The mAP of bootstrap samples of the images, fractions [resamples].

    Their percentiles are an interval of the mAP. With the same seed, two classifiers are scored on the same samples of
    images, so the percentiles of the difference of their draws are an interval of the difference. A class without a
    positive in a sample is left out of its mean. Raises as `recognition_ap`, and ConfigError for no resamples.
    """
    require(resamples >= 1, "resamples", resamples, "at least 1")
    scores, targets = _checked(scores, targets)
    rng, images = np.random.default_rng(seed), len(scores)
    counts = rng.multinomial(images, np.full(images, 1 / images), resamples).astype(np.int32)  # [R, N]
    each = [_weighted_ap(scores[:, c], targets[:, c], counts) for c in np.flatnonzero(targets.any(axis=0))]
    return np.nanmean(each, axis=0)


def _weighted_ap(scores: np.ndarray, positive: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Average precision in R samples that hold image i counts[r, i] times: [R]; NaN without a positive."""
    order = np.argsort(-scores, kind="stable")
    ranked, places = -scores[order], np.flatnonzero(positive[order])     # [N]; [P], the ranks of the positives
    # equal scores share a threshold; only thresholds that let a positive in add to the average
    thresholds, last = np.unique(np.searchsorted(ranked, ranked[places], side="right")[::-1], return_index=True)
    drawn = counts[:, order]
    seen = drawn.cumsum(1)[:, thresholds - 1]                            # [R, thresholds]
    found = drawn[:, places].cumsum(1)[:, len(places) - 1 - last]
    new = np.diff(found, axis=1, prepend=0)
    with np.errstate(invalid="ignore"):  # 0 / 0 where a sample has no image so far, or no positive
        return np.where(new > 0, new * found / seen, 0).sum(1) / found[:, -1]


def _checked(scores: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    scores, targets = np.asarray(scores), np.asarray(targets, dtype=bool)
    if scores.ndim != 2 or scores.shape != targets.shape:
        raise EmbeddingError(f"scores are {scores.shape}, targets {targets.shape}: both must be [N, C]")
    if not np.isfinite(scores).all():
        raise EmbeddingError("scores hold NaN or inf: check the model's logits")
    if not targets.any():
        raise EmbeddingError("targets name no positive in any class: there is nothing to score")
    return scores, targets
