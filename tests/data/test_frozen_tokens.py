from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from actret_core.data.tokens import FrozenTokens, TokenDataset, compress_tokens, hold_out_tokens
from actret_core.errors import DataError

N, K, WIDTH, RANK = 120, 4, 32, 6


@pytest.fixture(scope="module")
def tokens() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Non-negative tokens [N, K + 2, WIDTH] in a few dimensions; zero to K regions are real."""
    random = np.random.default_rng(0)
    values = random.gamma(2, size=(N, K + 2, RANK)) @ random.gamma(2, size=(RANK, WIDTH))
    mask = np.arange(K + 2) < 2 + np.arange(N)[:, None] % (K + 1)
    return (values * mask[..., None]).astype(np.float32), mask, np.arange(N) < 80


@pytest.fixture(scope="module")
def frozen(tokens: tuple[np.ndarray, np.ndarray, np.ndarray]) -> FrozenTokens:
    values, scale = compress_tokens(*tokens, dim=RANK)
    regions = (tokens[1].sum(1) - 2).astype(np.uint8)
    boxes = np.random.default_rng(1).integers(0, 500, (N, K + 1, 4)).astype(np.uint16)
    ids = np.array([f"phoning_{i:03}" for i in range(N)])
    actions = np.array(["drinking", "phoning", "rowing_a_boat"])
    return FrozenTokens(
        values, scale, regions, boxes, (np.arange(N) % 3).astype(np.uint8), ids, tokens[2], actions
    )


def test_a_round_trip_changes_nothing(frozen: FrozenTokens, tmp_path: Path) -> None:
    frozen.save(tmp_path / "tokens.npz")
    again = FrozenTokens.load(tmp_path / "tokens.npz")
    for name, value in vars(frozen).items():
        np.testing.assert_array_equal(getattr(again, name), value)
        assert getattr(again, name).dtype == value.dtype
    assert [p.name for p in tmp_path.iterdir()] == ["tokens.npz"]


@pytest.mark.parametrize("damage", ["absent", "cut", "empty", "text", "other", "pickle", "flipped"])
def test_a_damaged_file_is_named(frozen: FrozenTokens, tmp_path: Path, damage: str) -> None:
    path = tmp_path / "tokens.npz"
    frozen.save(path)
    whole = bytearray(path.read_bytes())
    middle = len(whole) // 2
    content = {"cut": whole[:middle], "empty": b"", "text": b"<html>404</html>"}
    if damage == "absent":
        path.unlink()
    elif damage == "other":
        np.savez(path, features=np.zeros(3))
    elif damage == "pickle":
        np.savez(path, **vars(frozen) | {"ids": np.array([{"a": 1}], dtype=object)}, allow_pickle=True)
    elif damage == "flipped":
        whole[middle : middle + 40] = bytes(b ^ 255 for b in whole[middle : middle + 40])
        path.write_bytes(whole)
    else:
        path.write_bytes(content[damage])
    with pytest.raises(DataError, match="tokens.npz: not a readable file of region tokens"):
        FrozenTokens.load(path)


def test_compression_keeps_directions(tokens: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    """The best affine map from the compressed values back gives the tokens' directions again."""
    full, mask, _ = tokens
    values, scale = compress_tokens(*tokens, dim=RANK)
    assert values.dtype == np.int8 and values.shape == (N, K + 2, RANK) and scale.shape == (RANK,)
    wanted = full[mask] / np.linalg.norm(full[mask], axis=1, keepdims=True)
    small = np.column_stack([values[mask] * scale, np.ones(mask.sum())])
    again = small @ np.linalg.lstsq(small, wanted)[0]
    cosine = (again * wanted).sum(1) / np.linalg.norm(again, axis=1)
    assert cosine.min() > 0.99
    apart = np.linalg.norm(wanted[:50, None] - wanted[:50], axis=2)
    kept = np.linalg.norm(small[:50, None] - small[:50], axis=2)
    assert np.corrcoef(apart.ravel(), kept.ravel())[0, 1] > 0.99, "distances survive"


def test_the_length_of_a_token_does_not_matter(tokens: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    full, mask, train = tokens
    longer = full * np.float32(2) ** np.random.default_rng(2).integers(-3, 4, mask.shape)[..., None]
    left, right = (compress_tokens(t.astype(np.float32), mask, train, RANK)[0] for t in (full, longer))
    assert np.abs(left.astype(int) - right).max() <= 1


def test_padding_stays_zero(tokens: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    full, mask, train = tokens
    garbage = np.where(mask[..., None], full, 1e3).astype(np.float32)
    values, _ = compress_tokens(garbage, mask, train, RANK)
    np.testing.assert_array_equal(values, compress_tokens(full, mask, train, RANK)[0])
    assert not values[~mask].any() and values[mask].any(1).all()


def test_the_projection_knows_the_training_set_alone(
    tokens: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    full, mask, train = tokens
    other = full.copy()
    other[~train] = other[~train][:, :, ::-1]
    left, right = (compress_tokens(t, mask, train, RANK) for t in (full, other))
    on_train = [values[train] * scale for values, scale in (left, right)]
    step = np.maximum(left[1], right[1]).max()
    np.testing.assert_allclose(
        *on_train, atol=40 * step
    )  # only the scale may see the rest: it clips 1 in 1000


def test_items_are_scaled_tokens_with_mask_and_target(frozen: FrozenTokens) -> None:
    data = TokenDataset(frozen, frozen.train)
    assert len(data) == 80 and data.ids.tolist() == frozen.ids[:80].tolist()
    item, real = data[7], 2 + int(frozen.regions[7])
    assert (
        item["index"] == 7 and item["target"].tolist() == [0, 1, 0] and item["target"].dtype == torch.float32
    )
    assert item["mask"].tolist() == [i < real for i in range(K + 2)]
    assert not item["tokens"][real:].any()
    assert data.tokens.dtype == torch.float32
    stored = frozen.values[7] * frozen.scale
    ratio = item["tokens"][:real].numpy() / np.where(stored, stored, 1)[:real]
    assert ratio[ratio != 0].std() < 1e-4 * ratio.max(), "one factor for all"
    assert data.tokens[data.mask].square().mean().item() == pytest.approx(1, abs=1e-5)


def test_parts_are_chosen_by_mask_or_by_index(frozen: FrozenTokens) -> None:
    by_mask, by_index = TokenDataset(frozen, ~frozen.train), TokenDataset(frozen, np.arange(80, N))
    torch.testing.assert_close(by_mask.tokens, by_index.tokens)
    whole = TokenDataset(frozen, np.arange(N)).tokens
    torch.testing.assert_close(by_mask.tokens, whole[80:])  # one scale for both parts
    assert by_mask.labels.tolist() == frozen.labels[80:].tolist()


@pytest.mark.parametrize(
    ("features", "kept"),
    [
        ("a", [0]),
        ("g", [1]),
        ("ag", [0, 1]),
        ("al", [0, 2, 3, 4, 5]),
        ("lg", [1, 2, 3, 4, 5]),
        ("l", [2, 3, 4, 5]),
    ],
)
def test_features_leave_views_out(frozen: FrozenTokens, features: str, kept: list[int]) -> None:
    whole, part = TokenDataset(frozen, frozen.train), TokenDataset(frozen, frozen.train, features)
    torch.testing.assert_close(part.tokens, whole.tokens[:, kept])
    assert torch.equal(part.mask, whole.mask[:, kept])
    torch.testing.assert_close(part.targets, whole.targets)


def test_an_image_without_regions_has_none(frozen: FrozenTokens) -> None:
    none = np.flatnonzero(frozen.regions == 0)
    data = TokenDataset(frozen, none, "l")
    assert not data.mask.any() and torch.equal(data.tokens[0], torch.zeros(K, RANK))


def test_what_is_held_out_plays_the_test_set(frozen: FrozenTokens) -> None:
    small = hold_out_tokens(frozen, 0.25, seed=0)
    assert small.ids.tolist() == frozen.ids[frozen.train].tolist()
    assert (small.train.sum(), (~small.train).sum()) == (60, 20)
    shares = [(~small.train)[small.labels == label].mean() for label in range(3)]
    assert max(shares) - min(shares) < 0.05
    np.testing.assert_array_equal(small.values, frozen.values[:80])
    for seed, same in ((0, True), (1, False)):
        assert np.array_equal(hold_out_tokens(frozen, 0.25, seed).train, small.train) == same


def test_an_action_with_one_image_cannot_be_held_out(frozen: FrozenTokens) -> None:
    lonely = replace(frozen, labels=np.where(np.arange(N) == 5, 2, 0).astype(np.uint8))
    with pytest.raises(DataError, match="cannot hold out 25% of the training tokens"):
        hold_out_tokens(lonely, 0.25, seed=0)
