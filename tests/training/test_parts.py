import pytest
import torch

from actret_core.training.parts import part_counts, split_batch


@pytest.mark.parametrize(("size", "first", "counts"), [
    (8, 1, [1, 2, 4]), (7, 1, [1, 2, 3]), (7, 4, [3]), (128, 16, [16, 32, 64]), (3, 2, [1]), (1, 4, [1]),
])  # fmt: skip
def test_each_attempt_has_twice_as_many_parts(size: int, first: int, counts: list[int]) -> None:
    assert list(part_counts(size, first)) == counts


@pytest.mark.parametrize(("size", "count", "sizes"), [(8, 1, [8]), (8, 2, [4, 4]), (7, 2, [4, 3]), (7, 3, [3, 2, 2])])
def test_the_parts_make_the_batch(size: int, count: int, sizes: list[int]) -> None:
    batch = {"target": torch.arange(size), "image": torch.arange(size)[:, None]}
    found = split_batch(batch, count)
    assert [len(part["target"]) for part in found] == [len(part["image"]) for part in found] == sizes
    assert torch.equal(torch.cat([part["target"] for part in found]), batch["target"])
