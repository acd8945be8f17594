from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from actret_core.text.compositions import record as module
from actret_core.text.compositions import study
from actret_core.text.compositions.record import record_study
from actret_core.text.compositions.folds import Study, object_study
from actret_core.text.compositions.visuals import Visuals
from actret_core.data.tokens import FrozenTokens
from actret_core.experiments.record import list_records
from actret_core.text.train import VARIANTS, TextPreset

NAMES = ["jpose-concat-cpu-seed1", "jpose-cpu-seed1", "mmen-caption-cpu-seed1", "mmen-cpu-seed1", "prototype-cpu-seed1"]


@pytest.fixture(scope="module")
def whole(make_tokens: Callable[..., FrozenTokens]) -> Study:
    return replace(object_study("stanford40", make_tokens()), folds=(("riding_a_bike",), ("riding_a_horse",)))


@pytest.fixture(scope="module")
def visuals(whole: Study) -> Visuals:
    return whole.visuals(("riding_a_bike",))


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_trains_and_finds(visuals: Visuals, quick: TextPreset, variant: str) -> None:
    model, vocabulary = study.train_text(visuals, variant, quick)
    assert vocabulary.words == ("bike", "car", "cut", "feed", "fix", "horse", "ride", "tree")
    similarity = study.text_similarity(model, vocabulary, visuals)
    assert similarity.shape == (6, 24)
    found = study.score_held_out(visuals, similarity, "riding_a_bike")
    assert set(found) == {"mAP", "nDCG", "image_mAP", "image_rank1", "all_mAP"}
    assert found["all_mAP"] > 60, "seen actions are found"


def test_the_seed_decides(visuals: Visuals, quick: TextPreset) -> None:
    models = [study.train_text(visuals, "mmen", study.with_seed(quick, seed)) for seed in (0, 0, 1)]
    runs = [study.text_similarity(*model, visuals) for model in models]
    np.testing.assert_array_equal(runs[0], runs[1])
    assert abs(runs[0] - runs[2]).max() > 1e-3


def test_scores_by_hand(visuals: Visuals) -> None:
    """Every phrase finds its images, except that riding a bike also likes the images of fixing one, and more."""
    test = visuals.labels[visuals.test]                                  # 4 images an action
    similarity = (np.arange(6)[:, None] == test).astype(float)
    similarity[3, test == 2] = 1.0
    similarity[3, test == 3] -= 0.01
    found = study.score_held_out(visuals, similarity, "riding_a_bike")
    assert found["mAP"] == pytest.approx(100 * np.mean([1 / 5, 2 / 6, 3 / 7, 4 / 8]), abs=1e-3)
    assert found["image_mAP"] == found["image_rank1"] == 100
    assert found["all_mAP"] == pytest.approx((500 + found["mAP"]) / 6, abs=1e-3)
    worth = 1 / np.log2(np.arange(2, 14))                  # of ranks 1 to 12, as many as are relevant at all
    ideal = worth[:4].sum() + 0.5 * worth[4:].sum()        # riding a horse and fixing a bike are half right
    assert found["nDCG"] == pytest.approx(100 * (0.5 * worth[:4].sum() + worth[4:8].sum()) / ideal, abs=1e-3)


def test_prototypes(visuals: Visuals) -> None:
    known, row = study.prototypes(visuals), visuals.actions.index("riding_a_bike")
    units = visuals.features / np.linalg.norm(visuals.features, axis=1, keepdims=True)
    np.testing.assert_allclose(known[0], units[visuals.train & (visuals.labels == 0)].mean(0), rtol=1e-5)
    assert not known[row].any(), "nothing of it was seen"
    composed = study.composed_prototypes(visuals)
    np.testing.assert_allclose(composed[row], (known[4] + known[2]) / 2)  # riding a horse, fixing a bike
    np.testing.assert_array_equal(np.delete(composed, row, 0), np.delete(known, row, 0))
    similarity = study.prototype_similarity(visuals, composed)
    expected = composed[1] / np.linalg.norm(composed[1]) @ units[visuals.test].T
    np.testing.assert_allclose(similarity[1], expected, rtol=1e-5)


def test_a_seed_is_recorded_once(
    whole: Study, quick: TextPreset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    records = record_study(whole, quick, 1, tmp_path, said.append)
    assert sorted(p.stem for p in (tmp_path / "stanford40").glob("*.json")) == NAMES
    assert len(said) == len(records) == 5 and said[0].startswith("stanford40/jpose-cpu-seed1: mAP ")
    by_name = {r.stem: r for r in list_records(tmp_path, "stanford40")}
    metrics = by_name["mmen-cpu-seed1"].metrics
    for name in ("mAP", "image_mAP"):
        held = [metrics["held_out"][action][name] for action in ("riding_a_bike", "riding_a_horse")]
        assert metrics[name] == pytest.approx(sum(held) / 2, abs=1e-3)
    assert metrics["seen"]["mAP"] > metrics["mAP"], "it is easier after having seen it"
    record = by_name["jpose-cpu-seed1"]
    assert (record.seed, record.epochs, record.config["train"]["seed"]) == (1, 6, 1)
    assert record.config["text"] == {"method": "jpose", "dim": 16, "word_dim": 16, "join": "learned"}
    prototype = by_name["prototype-cpu-seed1"]
    seen = prototype.metrics["seen"]
    assert seen["mAP"] > 80 and set(seen["held_out"]) == {"riding_a_bike", "riding_a_horse"}
    assert prototype.config["visual"]["model"]["hidden"] == 8 and prototype.epochs == 2
    monkeypatch.setattr(module, "_measure", lambda *_: pytest.fail("nothing is left to do"))
    assert record_study(whole, quick, 1, tmp_path, said.append) == []


def test_a_named_study_without_images_to_have_seen(whole: Study, quick: TextPreset, tmp_path: Path) -> None:
    tokens = whole.tokens
    never = replace(tokens, train=tokens.train & (tokens.labels != 3))
    study_of_one = replace(whole, tokens=never, folds=(("riding_a_bike",),), name="places")
    record_study(study_of_one, quick, 0, tmp_path, lambda _: None)
    records = list_records(tmp_path, "stanford40")
    assert [r.variant for r in records] == ["places-concat", "places", "places-caption", "places", "places"]
    assert not [r for r in records if "seen" in r.metrics], "no upper bound where nothing can have been seen"
