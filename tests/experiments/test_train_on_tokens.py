from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from actret_core.data.tokens import FrozenTokens, hold_out_tokens
from actret_core.errors import CheckpointError, ConfigError, DataError
from actret_core.experiments.train import train_on_tokens
from actret_core.models.config import RegionNetConfig
from actret_core.experiments.presets import FROZEN, Preset
from actret_core.retrieval import Embeddings, evaluate
from actret_core.training.config import TrainConfig

N, K, WIDTH, ACTIONS = 180, 3, 8, 3


@pytest.fixture(scope="module")
def frozen() -> FrozenTokens:
    """One region of each image tells its action, by a shift that is small beside the noise of the other channels."""
    random = np.random.default_rng(0)
    labels = np.arange(N) % ACTIONS
    values = random.normal(0, 30, (N, K + 2, WIDTH))
    values[:, :, :ACTIONS] /= 6
    values[np.arange(N), 2, labels] += 25
    return FrozenTokens(
        values.clip(-127, 127).astype(np.int8), np.full(WIDTH, 0.01, np.float32), np.full(N, K, np.uint8),
        np.zeros((N, K + 1, 4), np.uint16), labels.astype(np.uint8), np.array([f"p{i:03}" for i in range(N)]),
        np.arange(N) < 120, np.array(["drinking", "phoning", "waving"]),
    )


@pytest.fixture(scope="module")
def preset() -> Preset:
    """Sixteen short epochs of one small block."""
    train = TrainConfig(
        epochs=16, batch_size=8, lr=5e-3, schedule="onecycle", mixup=0.0, held_out=0.0, precision="32-true", workers=0
    )
    return Preset("cpu", RegionNetConfig(blocks=1, heads=2, ffn=16, dropout=0.0, hidden=8), train)


def test_the_fusion_learns_what_no_token_shows_alone(frozen: FrozenTokens, preset: Preset, tmp_path: Path) -> None:
    head, learned, result = train_on_tokens(frozen, preset, tmp_path, progress=False)
    assert (result.epochs, len(result.losses)) == (16, 16)
    assert head.config.classes == ACTIONS and head.config.k == K, "sizes come from the data"
    assert learned.ids.tolist() == frozen.ids[120:].tolist() and learned.labels.tolist() == frozen.labels[120:].tolist()
    raw = Embeddings((frozen.values[120:] * frozen.scale).mean(1), learned.labels, learned.ids)
    assert evaluate(learned).mAP > evaluate(raw).mAP + 0.1

    state = (tmp_path / "last.ckpt").stat().st_mtime_ns
    _, again, _ = train_on_tokens(frozen, preset, tmp_path, progress=False)
    np.testing.assert_allclose(again.features, learned.features, atol=1e-6)
    assert (tmp_path / "last.ckpt").stat().st_mtime_ns == state, "a finished run is read, not made again"
    with pytest.raises(CheckpointError, match="another config"):
        train_on_tokens(frozen, replace(preset, model=replace(preset.model, features="ag")), tmp_path, progress=False)


@pytest.mark.parametrize("change", [{"features": "ag"}, {"fusion": False}])
def test_a_variant_is_a_field_and_a_seed_decides_all(
    frozen: FrozenTokens, preset: Preset, change: dict, tmp_path: Path
) -> None:
    short = replace(preset, model=replace(preset.model, **change), train=replace(preset.train, epochs=1))
    (head, one, _), (_, two, _) = (train_on_tokens(frozen, short, tmp_path / n, progress=False) for n in "ab")
    np.testing.assert_array_equal(one.features, two.features)
    assert len(one) == 60 and getattr(head.config, next(iter(change))) == next(iter(change.values()))


def test_early_stopping_watches_a_part_of_the_training_set(
    frozen: FrozenTokens, preset: Preset, tmp_path: Path
) -> None:
    stopping = replace(preset, train=replace(preset.train, epochs=2, held_out=0.25))
    _, found, _ = train_on_tokens(frozen, stopping, tmp_path, progress=False)
    assert (tmp_path / "best.ckpt").exists() and len(found) == 60


def test_the_held_out_part_plays_the_test_set(frozen: FrozenTokens) -> None:
    inner = hold_out_tokens(frozen, 0.25, seed=0)
    assert inner.ids.tolist() == frozen.ids[:120].tolist(), "no image of the test set"
    assert (~inner.train).sum() == 30 and np.bincount(inner.labels[~inner.train]).tolist() == [10, 10, 10]
    for name in ("values", "regions", "boxes", "labels"):
        np.testing.assert_array_equal(getattr(inner, name), getattr(frozen, name)[:120])
    other = hold_out_tokens(frozen, 0.25, seed=1)
    assert (hold_out_tokens(frozen, 0.25, seed=0).train == inner.train).all() and (other.train != inner.train).any()


def test_a_class_with_one_image_cannot_be_held_out(frozen: FrozenTokens) -> None:
    labels = frozen.labels.copy()
    labels[0] = 3
    with pytest.raises(DataError, match="cannot hold out 25%"):
        hold_out_tokens(replace(frozen, labels=labels), 0.25, seed=0)


def test_the_preset_of_the_study_fits_the_committed_tokens() -> None:
    committed = FrozenTokens.load(Path(__file__).parents[2] / "results/stanford40/frozen_tokens.npz")
    assert committed.values.shape[1:] == (FROZEN.model.k + 2, 96) and len(committed.actions) == FROZEN.model.classes
    assert committed.train.sum() == 4000 and (~committed.train).sum() == 5532
    assert 96 % FROZEN.model.heads == 0


def test_one_process_is_enough(
    frozen: FrozenTokens, preset: Preset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.distributed.is_initialized", lambda: True)
    monkeypatch.setattr("torch.distributed.get_world_size", lambda: 2)
    with pytest.raises(ConfigError, match="nproc_per_node=2: expected 1 for runs on tokens"):
        train_on_tokens(frozen, preset, tmp_path, progress=False)
