from pathlib import Path

import numpy as np
import pytest
import torch

from actret_core.data.dataset import ActionDataset
from actret_core.data.readers.stanford40 import read_stanford40
from actret_core.errors import ConfigError, DataError
from actret_core.models.baselines.rrt import Rrt, RrtConfig
from actret_core.retrieval import Embeddings
from actret_core.training.pairs import PairDataset, collect, rank_others, resort

LABELS = np.array([0, 0, 0, 1, 1, 1, 2, 2])
TINY = RrtConfig(
    classes=12, backbone="small", image_size=32, dim=8, cells=2, local_dim=8, blocks=1, heads=2, ffn=8, top=9
)


@pytest.fixture
def embeddings() -> Embeddings:
    features = np.random.default_rng(0).normal(size=(8, 5)).astype(np.float32)
    return Embeddings(features, LABELS, np.array([f"i{i}" for i in range(8)]))


@pytest.fixture
def maps() -> torch.Tensor:
    """Every image's map tells its row."""
    return torch.arange(8.0).reshape(8, 1, 1, 1).expand(8, 2, 3, 3).half()


def test_others_are_ranked_by_cosine_without_oneself(embeddings: Embeddings) -> None:
    found = rank_others(embeddings)
    for row, others in enumerate(found.tolist()):
        units = embeddings.features / np.linalg.norm(embeddings.features, axis=1, keepdims=True)
        cosines = {i: units[row] @ unit for i, unit in enumerate(units) if i != row}
        assert others == sorted(cosines, key=cosines.get, reverse=True)
    np.testing.assert_array_equal(rank_others(embeddings, 3), found[:, :3])


def test_more_than_there_are_others(embeddings: Embeddings) -> None:
    for top in (0, 8, 100):
        with pytest.raises(ConfigError, match=f"top={top}: expected 1 to 7: the gallery has 7 items beside the query"):
            rank_others(embeddings, top)


def test_pairs_come_from_the_candidates(embeddings: Embeddings, maps: torch.Tensor) -> None:
    candidates = rank_others(embeddings, 5)
    pairs, seen = PairDataset(maps, embeddings, candidates), {}
    for _ in range(60):
        for i in range(len(pairs)):
            item = pairs[i]
            first, second = (int(item[name][0, 0, 0]) for name in ("first", "second"))
            assert item["target"].tolist() == [float(LABELS[first] == LABELS[second])] == [float(i % 2 == 0)]
            assert item["first"].dtype == torch.float32 and item["first"].shape == (2, 3, 3)
            seen.setdefault(first, set()).add(second)
    assert len(pairs) == 2 * len(seen) > 8
    for first, others in seen.items():
        assert others == set(candidates[first].tolist()), "each of them has its turn"


def test_an_image_with_candidates_of_one_kind_is_left_out(embeddings: Embeddings, maps: torch.Tensor) -> None:
    candidates = np.array([[1, 2], [0, 3], [4, 5], [0, 1], [3, 5], [6, 7], [0, 7], [1, 2]])
    assert PairDataset(maps, embeddings, candidates).anchors == [1, 6]
    with pytest.raises(DataError, match="pairs: every image's candidates are all of its action, or none is"):
        PairDataset(maps, embeddings, candidates[:1])


def test_persons_of_one_photograph_are_no_pair(maps: torch.Tensor) -> None:
    groups = np.array(["p", "p", "q", "q", "r", "r", "s", "s"])
    found = Embeddings(np.eye(8, dtype=np.float32), LABELS, np.arange(8).astype(str), groups)
    pairs = PairDataset(maps, found, np.tile(np.arange(8), (8, 1)))
    assert pairs.choices[0][0].tolist() == [2] and pairs.choices[0][1].tolist() == [3, 4, 5, 6, 7]


def test_a_person_of_no_action_is_no_anchor_but_a_negative(maps: torch.Tensor) -> None:
    hot = np.zeros((8, 2), bool)
    hot[:3, 0], hot[3:6, 1] = True, True
    found = Embeddings(np.eye(8, dtype=np.float32), hot, np.arange(8).astype(str))
    pairs = PairDataset(maps, found, np.tile(np.arange(8), (8, 1)))
    assert pairs.anchors == list(range(6)) and {6, 7} <= set(pairs.choices[0][1].tolist())


@pytest.fixture(scope="module")
def drawings(playground: Path) -> ActionDataset:
    split = read_stanford40(playground, "test", name="playground")
    nothing = {name: torch.empty(0, 4) for name in split.ids}
    return ActionDataset(split, nothing, 1, 32)


def test_maps_are_collected_in_order(drawings: ActionDataset) -> None:
    torch.manual_seed(0)
    model = Rrt(TINY)
    found = collect(model.maps, model, drawings, batch_size=7, progress=False)
    assert found.shape == (len(drawings), 96, 2, 2) and found.dtype == torch.float16
    with torch.inference_mode():
        expected = model.maps(drawings[9]["image"][None])[0]
    torch.testing.assert_close(found[9].float(), expected, rtol=1e-2, atol=1e-3)


def test_resorting_a_data_set_moves_its_best_alone(drawings: ActionDataset) -> None:
    torch.manual_seed(0)
    model, n = Rrt(TINY), len(drawings)
    features = np.random.default_rng(0).normal(size=(n, 4)).astype(np.float32)
    found = Embeddings(features, drawings.targets.argmax(1).numpy(), np.array(drawings.split.ids))
    before, after = rank_others(found), resort(model, drawings, found, progress=False)
    assert after.shape == (n, n - 1)
    np.testing.assert_array_equal(after[:, 9:], before[:, 9:])
    np.testing.assert_array_equal(np.sort(after[:, :9], 1), np.sort(before[:, :9], 1))
    assert (after[:, :9] != before[:, :9]).any()
