"""Sums of minima of sparse vectors, the numerator of the Jaccard distance, as one sparse matrix product."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csc_array, csr_array

from actret_core.retrieval.threads import map_chunks

Groups = tuple[np.ndarray, np.ndarray]
"""The members of all groups one after another, and how many each group has."""


@dataclass(frozen=True, eq=False)
class Entries:
    """Values of sparse vectors: item [n], column [n], value float32 [n] > 0, and the weight float32 [n] that each
    brings into its pairs. An item may stand in a column more than once."""

    item: np.ndarray
    column: np.ndarray
    value: np.ndarray
    weight: np.ndarray

    def sorted(self) -> "Entries":
        """By column, then by value."""
        keys = self.column.astype(np.uint64) << np.uint64(32)
        keys |= self.value.view(np.uint32)  # the bits of positive floats order like the floats
        order = np.argsort(keys)
        return Entries(self.item[order], self.column[order], self.value[order], self.weight[order])


def entries_of(vectors: csr_array) -> Entries:
    """All entries of vectors [N, C], each with weight 1."""
    coo = vectors.tocoo()
    return Entries(coo.row, coo.col, coo.data, np.ones(coo.nnz, np.float32))


def entries_of_twins(first: csr_array, second: csr_array) -> Entries:
    """Entries that stand for [first | second], [N, 2C], at half the cost where most columns come in equal pairs.

    With a, b the values of one item in two twin columns and c, d those of another,

        min(a, c) + min(b, d) = 1/2 [min(a, c) + min(a, d) + min(b, c) + min(b, d)]
                              + 1/2 [min(a, c) - min(a, d) - min(b, c) + min(b, d)].

    The first bracket pools the twins in one column; there equal values merge into an entry of weight 2. The second
    needs another column, with weights +1 and -1; there equal values cancel. Nothing is negligible: this is exact.
    An item's sum with itself is not meant to be read from these.
    """
    columns = first.shape[1]
    unequal = first - second
    unequal.data[:] = 1
    a, b = first.multiply(unequal), second.multiply(unequal)
    parts = [(first - a, 0, 2), (a, 0, 1), (b, 0, 1), (a, columns, 1), (b, columns, -1)]
    coos = [(matrix.tocoo(), start, weight) for matrix, start, weight in parts]
    return Entries(
        np.concatenate([coo.row for coo, _, _ in coos]),
        np.concatenate([coo.col + start for coo, start, _ in coos]),
        np.concatenate([coo.data for coo, _, _ in coos]) / 2,
        np.concatenate([np.full(coo.nnz, weight, np.float32) for coo, _, weight in coos]),
    )


def minimum_factors(entries: Entries, items: int) -> tuple[csr_array, csr_array]:
    """L [items, groups] and U [groups, items], such that L @ U + (L @ U).T are the sums of minima of distinct items.

    Sort each column by value and number its entries: of two, that of the lower number has the minimum. Two
    numbers first differ in one binary digit, the higher ones being equal. So take as a group the entries of a
    column whose numbers agree above some digit; L holds those with a 0 there, with their values, and U those
    with a 1. Every pair then meets in exactly one group, its minimum in L.
    """
    entries = entries.sorted()
    number, behind = _places(entries.column)
    digits = max(1, int(number.max()).bit_length())
    lower, upper = zip(*map_chunks(lambda digit: _split(number, behind, digit.start), digits, 1), strict=True)
    left, starts = _joined(lower)
    shape = (items, len(starts) - 1)
    factor = csc_array((entries.value[left] * entries.weight[left], entries.item[left], starts), shape=shape)
    right, starts = _joined(upper)
    return factor.tocsr(), csr_array((entries.weight[right], entries.item[right], starts), shape=shape[::-1])


def _split(number: np.ndarray, behind: np.ndarray, digit: int) -> tuple[Groups, Groups]:
    """The groups of one digit that have pairs: their members with a 0 there, and those with a 1."""
    size = 1 << digit  # members with a 0; of those with a 1 the last group of a column may have fewer
    place = number & (2 * size - 1)  # within the group
    first_one = np.flatnonzero(place == size)
    zero = (place < size) & (behind >= size - place)
    zeros = np.full(len(first_one), size, np.int32)
    return (np.flatnonzero(zero), zeros), (np.flatnonzero(place >= size), np.minimum(behind[first_one] + 1, size))


def _places(column: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Within each run of equal columns: the number 0, 1, 2, ... of an entry, and how many stand behind it."""
    starts = np.flatnonzero(np.diff(column, prepend=-1))
    lengths = np.diff(starts, append=len(column))
    number = (np.arange(len(column)) - np.repeat(starts, lengths)).astype(np.int32)
    return number, np.repeat(lengths.astype(np.int32), lengths) - 1 - number


def _joined(groups: Sequence[Groups]) -> tuple[np.ndarray, np.ndarray]:
    """The members of all groups one after another, and where each group starts."""
    members, sizes = (np.concatenate(arrays) for arrays in zip(*groups, strict=True))
    dtype = np.int32 if len(members) < 2**31 else np.int64  # scipy would take twice the room otherwise
    return members, np.concatenate([[0], np.cumsum(sizes)]).astype(dtype)
