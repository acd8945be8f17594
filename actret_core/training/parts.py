"""Batches in parts, where memory does not hold a whole one."""

from collections.abc import Iterator

from actret_core.training.batches import Batch


def part_counts(size: int, first: int) -> Iterator[int]:
    """Into how many parts to split a batch of `size` samples: `first`, then twice as many at each next attempt.

    No part may have fewer than two samples, which batch norm needs, so that the last attempt has size // 2 parts.
    """
    most = max(size // 2, 1)
    count = min(first, most)
    yield count
    while count < most:
        count = min(2 * count, most)
        yield count


def split_batch(batch: Batch, count: int) -> list[Batch]:
    """Split a batch into `count` parts of nearly the same size."""
    split = {name: values.tensor_split(count) for name, values in batch.items()}
    return [{name: values[i] for name, values in split.items()} for i in range(count)]
