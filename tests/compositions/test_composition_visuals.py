from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from actret_core.compositions import visuals as module
from actret_core.compositions.study import TextPreset
from actret_core.compositions.visuals import bystanders, check_held_out, embed_without, phrases_of, playground_tokens
from actret_core.data.playground import PLAYGROUND_ACTIONS, write_playground
from actret_core.data.playground.pretext import shown_actions
from actret_core.data.tokens import FrozenTokens, TokenDataset
from actret_core.errors import ConfigError
from actret_core.models.fusion import FusionHead
from actret_core.text.phrase import Phrase

Maker = Callable[..., FrozenTokens]


def test_phrases() -> None:
    assert phrases_of("playground", ("drinking", "walking_on_the_beach")) == (Phrase("drink", ("cup",)), Phrase("walk", ("beach",)))
    assert phrases_of("stanford40", ("drinking", "writing_on_a_book")) == (Phrase("drink"), Phrase("write-on", ("book",)))


def test_what_may_be_held_out(make_tokens: Maker) -> None:
    for dataset, actions in (("playground", PLAYGROUND_ACTIONS), ("stanford40", make_tokens().actions.tolist())):
        phrases = phrases_of(dataset, actions)
        for held in ("riding_a_bike", "riding_a_horse"):
            check_held_out(held, actions, phrases)
        with pytest.raises(ConfigError, match="held='feeding_a_horse': .* feed does not"):
            check_held_out("feeding_a_horse", actions, phrases)
    with pytest.raises(ConfigError, match="held='flying': expected one of cutting_trees"):
        check_held_out("flying", actions, phrases)
    with pytest.raises(ConfigError, match="a noun does not"):
        check_held_out("running", ("running", "jogging"), (Phrase("run"), Phrase("run")))


def test_the_visual_model_never_sees_what_is_held_out(
    make_tokens: Maker, quick: TextPreset, monkeypatch: pytest.MonkeyPatch
) -> None:
    frozen, asked = make_tokens(), []

    def train(part: FrozenTokens, preset: object, out: Path, progress: bool) -> tuple[FusionHead, None]:
        asked.append(part)
        return FusionHead(module.replace(quick.visual.model, classes=len(part.actions), k=2), 8), None

    monkeypatch.setattr(module, "train_on_tokens", train)
    hidden = ("fixing_a_bike_002", "riding_a_bike_002")
    features, learned = embed_without(frozen, "riding_a_bike", quick.visual, hidden)
    (part,) = asked
    assert part.actions.tolist() == ["cutting_trees", "feeding_a_horse", "fixing_a_bike", "riding_a_horse"]
    assert not [name for name in part.ids.tolist() if name.startswith("riding_a_bike")]
    assert not set(hidden) & set(part.ids[part.train].tolist()), "hidden images are not learned from"
    assert [part.actions[label] for label in part.labels] == [name.rsplit("_", 1)[0] for name in part.ids]
    assert set(frozen.ids[learned]) == set(part.ids[part.train]) and len(features) == len(frozen.ids) == 60
    assert learned.sum() == 4 * 8 - 1


def test_embeddings_are_those_of_the_trained_head_in_order(make_tokens: Maker, quick: TextPreset) -> None:
    frozen = make_tokens()
    features, learned = embed_without(frozen, None, quick.visual)
    assert features.shape == (60, 8) and (learned == frozen.train).all()
    again, _ = embed_without(frozen, None, quick.visual)
    np.testing.assert_array_equal(features, again)
    without, fewer = embed_without(frozen, "riding_a_bike", quick.visual)
    assert fewer.sum() == 32 and abs(without - features).max() > 0.01
    assert np.isfinite(without).all() and len(TokenDataset(frozen, frozen.train)) == 40


def test_tokens_of_the_playground_and_its_bystanders(playground: Path, tmp_path: Path) -> None:
    weights = Path(__file__).parents[2] / "results/playground/small_backbone.safetensors"
    frozen = playground_tokens(playground, weights, progress=False)
    assert frozen.values.shape == (72, 6, 96) and frozen.train.sum() == 48
    with pytest.raises(ConfigError, match="seed=3: expected 0: .* is another playground than the study's"):
        playground_tokens(write_playground(tmp_path / "other", seed=3, images=36, progress=False), weights)
    found = bystanders(frozen, "riding_a_bike")
    assert {name for name in frozen.ids.tolist() if name.startswith("riding_a_bike")} < found
    others = [name for name in found if not name.startswith("riding_a_bike")]
    assert others and all("riding_a_bike" in shown_actions(name, 0) for name in others)
