from collections.abc import Callable

import numpy as np
import pytest

from actret_core.compositions import study
from actret_core.compositions.visuals import Visuals, phrases_of
from actret_core.data.tokens import FrozenTokens


@pytest.fixture(scope="module")
def visuals(make_tokens: Callable[..., FrozenTokens]) -> Visuals:
    """Embeddings that are the sum of verb and noun; riding a bike may not be learned from."""
    frozen = make_tokens()
    actions, labels = tuple(frozen.actions.tolist()), frozen.labels.astype(int)
    train = frozen.train & (labels != actions.index("riding_a_bike"))
    features = frozen.values[:, 0].astype(np.float32)
    return Visuals(features, labels, train, ~frozen.train, actions, phrases_of("stanford40", actions))


@pytest.mark.parametrize("variant", study.VARIANTS)
def test_every_variant_trains_and_finds(visuals: Visuals, quick: study.TextPreset, variant: str) -> None:
    model, vocabulary = study.train_text(visuals, variant, quick)
    assert vocabulary.words == ("bike", "cut", "feed", "fix", "horse", "ride", "tree")
    similarity = study.text_similarity(model, vocabulary, visuals)
    assert similarity.shape == (5, 20)
    found = study.compare_with_all(visuals, similarity, "riding_a_bike")
    assert set(found) == {"mAP", "nDCG", "image_mAP", "image_rank1", "all_mAP"}
    assert found["all_mAP"] > 60, "seen actions are found"


def test_the_seed_decides(visuals: Visuals, quick: study.TextPreset) -> None:
    runs = [study.text_similarity(*study.train_text(visuals, "mmen", study.with_seed(quick, seed)), visuals) for seed in (0, 0, 1)]
    np.testing.assert_array_equal(runs[0], runs[1])
    assert abs(runs[0] - runs[2]).max() > 1e-3


def test_scores_by_hand(visuals: Visuals) -> None:
    """Every phrase finds its images, except that riding a bike also likes the images of fixing one, as much."""
    test = visuals.labels[visuals.test]                                  # 4 images an action
    similarity = (np.arange(5)[:, None] == test).astype(float)
    similarity[3, test == 2] = 1.0                                       # fixing comes first: ties go by index
    similarity[3, test == 3] -= 0.01
    found = study.compare_with_all(visuals, similarity, "riding_a_bike")
    assert found["mAP"] == pytest.approx(100 * np.mean([1 / 5, 2 / 6, 3 / 7, 4 / 8]), abs=1e-3)
    assert found["image_mAP"] == found["image_rank1"] == 100
    assert found["all_mAP"] == pytest.approx((400 + found["mAP"]) / 5, abs=1e-3)
    worth = 1 / np.log2(np.arange(2, 14))                               # of ranks 1 to 12, as many as are relevant at all
    ideal = worth[:4].sum() + 0.5 * worth[4:].sum()                      # riding a horse and fixing a bike are half right
    assert found["nDCG"] == pytest.approx(100 * (0.5 * worth[:4].sum() + worth[4:8].sum()) / ideal, abs=1e-3)


def test_prototypes(visuals: Visuals) -> None:
    known, row = study.prototypes(visuals), visuals.actions.index("riding_a_bike")
    units = visuals.features / np.linalg.norm(visuals.features, axis=1, keepdims=True)
    np.testing.assert_allclose(known[0], units[visuals.train & (visuals.labels == 0)].mean(0), rtol=1e-5)
    assert not known[row].any(), "nothing of it was seen"
    composed = study.composed_prototypes(visuals, "riding_a_bike")
    np.testing.assert_allclose(composed[row], (known[4] + known[2]) / 2)  # riding a horse, fixing a bike
    similarity = study.prototype_similarity(visuals, composed)
    expected = composed[1] / np.linalg.norm(composed[1]) @ units[visuals.test].T
    np.testing.assert_allclose(similarity[1], expected, rtol=1e-5)


def test_config_of_a_record(quick: study.TextPreset) -> None:
    config = study.as_config(quick, "jpose-concat")
    assert config["text"] == {"method": "jpose", "dim": 16, "word_dim": 16, "join": "concat"}
    assert config["train"]["epochs"] == 6 and config["visual"]["model"]["hidden"] == 8
    assert set(study.as_config(quick, None)) == {"visual"}
