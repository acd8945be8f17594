"""Work on many rows in pieces of bounded size, on all cores."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import faiss

T = TypeVar("T")
CHUNK_ELEMENTS = 4_000_000  # entries of a [rows, columns] block at a time: about 150 MB of work space


def workers() -> int:
    """How many threads FAISS and we use: as many as there are cores, or what OMP_NUM_THREADS allows."""
    return faiss.omp_get_max_threads()


def rows_per_chunk(columns: int, limit: int = CHUNK_ELEMENTS) -> int:
    """Rows of `columns` entries that stay within `limit` and CHUNK_ELEMENTS; at least one."""
    return max(1, min(limit, CHUNK_ELEMENTS) // max(columns, 1))


def chunks(count: int, size: int) -> list[slice]:
    """Slices of at most `size` that cover range(count)."""
    return [slice(start, min(start + size, count)) for start in range(0, count, size)]


def map_chunks(function: Callable[[slice], T], count: int, size: int) -> list[T]:
    """The results of `function` for every chunk of range(count), in order.

    Chunks run in parallel threads: the loops of numpy and scipy release the GIL.
    """
    with ThreadPoolExecutor(workers()) as pool:
        return list(pool.map(function, chunks(count, size)))
