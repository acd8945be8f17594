from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from actret_core.text.compositions import visuals as module
from actret_core.text.compositions.visuals import embed_without, playground_tokens, pool_views
from actret_core.data.playground import write_playground
from actret_core.data.tokens import FrozenTokens
from actret_core.errors import ConfigError
from actret_core.models.fusion import FusionHead
from actret_core.text.train import TextPreset

Maker = Callable[..., FrozenTokens]


def test_pooled_views_by_hand(make_tokens: Maker) -> None:
    frozen = make_tokens()
    frozen = replace(frozen, regions=np.where(np.arange(72) == 7, 0, frozen.regions - (np.arange(72) == 5)))
    found = pool_views(frozen, frozen.train)
    real = frozen.values * frozen.scale
    chosen = np.concatenate([real[i, : 2 + frozen.regions[i]].reshape(-1) for i in np.flatnonzero(frozen.train)])
    real = real / np.sqrt(np.square(chosen).mean())
    assert found.shape == (72, 24) and found.dtype == np.float32
    np.testing.assert_allclose(found[3], np.concatenate([real[3, 0], real[3, 1], real[3, 2:].mean(0)]), rtol=1e-4)
    np.testing.assert_allclose(found[5, 16:], real[5, 2], rtol=1e-4)
    assert not found[7, 16:].any(), "no region, no opinion"


def test_the_fusion_never_sees_what_is_held_out(
    make_tokens: Maker, quick: TextPreset, monkeypatch: pytest.MonkeyPatch
) -> None:
    frozen, asked = make_tokens(), []

    def train(part: FrozenTokens, preset: object, out: Path, progress: bool) -> tuple[FusionHead, None]:
        asked.append(part)
        return FusionHead(replace(quick.visual.model, classes=len(part.actions), k=2), 8), None, None

    monkeypatch.setattr(module, "train_on_tokens", train)
    hidden = ("fixing_a_bike_002", "riding_a_bike_002")
    features = embed_without(frozen, "riding_a_bike", quick.visual, hidden)
    (part,) = asked
    seen = ["cutting_trees", "feeding_a_horse", "fixing_a_bike", "riding_a_horse", "fixing_a_car"]
    assert part.actions.tolist() == seen
    assert not [name for name in part.ids.tolist() if name.startswith("riding_a_bike")]
    assert not set(hidden) & set(part.ids[part.train].tolist()), "hidden images are not learned from"
    assert [part.actions[label] for label in part.labels] == [name.rsplit("_", 1)[0] for name in part.ids]
    assert part.train.sum() == 5 * 8 - 1 and len(features) == len(frozen.ids) == 72


def test_embeddings_are_those_of_the_trained_head_in_order(make_tokens: Maker, quick: TextPreset) -> None:
    frozen = make_tokens()
    features = embed_without(frozen, None, quick.visual)
    assert features.shape == (72, 8) and np.isfinite(features).all()
    np.testing.assert_array_equal(features, embed_without(frozen, None, quick.visual))
    assert abs(embed_without(frozen, "riding_a_bike", quick.visual) - features).max() > 0.01


def test_tokens_of_the_playground(playground: Path, tmp_path: Path) -> None:
    weights = Path(__file__).parents[3] / "results/playground/small_backbone.safetensors"
    frozen = playground_tokens(playground, weights, progress=False)
    assert frozen.values.shape == (72, 6, 96) and frozen.train.sum() == 48 and len(frozen.actions) == 12
    other = write_playground(tmp_path / "other", seed=3, images=36, progress=False)
    with pytest.raises(ConfigError, match="seed=3: expected 0: .* is another playground than the study's"):
        playground_tokens(other, weights)
