"""The data of a benchmark: recorded embeddings, or a seeded random mixture around them if more are needed."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from actret_core.config import require
from actret_core.files import atomic_path, file_sha256
from actret_core.retrieval.embeddings import Embeddings

QUERIES = 500
SPREAD = 0.5  # standard deviation of the noise, as a multiple of that of the recorded vectors; see DESCRIPTION
CHUNK = 20_000
DESCRIPTION = (
    "Up to as many vectors as are recorded: those, in a seeded order. More: each lies at a random place between two "
    "recorded ones of one action, plus Gaussian noise of half the recorded standard deviation in each dimension, with "
    "which the distances to the 1st, 10th and 100th neighbor of 5532 of them are those of the recorded ones within 5%. "
    "More dimensions than recorded: turned into them by a seeded orthonormal matrix, which keeps every distance. All "
    "at unit length. The 500 queries of the search are drawn the same way, and are not in the gallery."
)


@dataclass(frozen=True, eq=False)
class Sample:
    """features float32 [N, D] and queries float32 [q, D] at unit length; labels int [N]."""

    features: np.ndarray
    labels: np.ndarray
    queries: np.ndarray


def describe(source: Path) -> dict[str, Any]:
    """The entry `data` of a record. Raises EmbeddingError if `source` is no file of embeddings."""
    Embeddings.load(source)
    return {"source": source.name, "sha256": file_sha256(source), "description": DESCRIPTION, "seed": 0}


def draw(source: Path, work: Path, n: int, dim: int) -> Path:
    """`write_sample` around the embeddings in a file, below a folder named by the file's hash."""
    return write_sample(Embeddings.load(source), work / file_sha256(source)[:8], n, dim)


def write_sample(source: Embeddings, folder: Path, n: int, dim: int, seed: int = 0) -> Path:
    """Draw n + QUERIES vectors of `dim` dimensions around `source` into a folder below `folder`; returns it.

    A sample that is there already is kept. Raises ConfigError for fewer dimensions than the source has.
    """
    require(dim >= source.features.shape[1], "dim", dim, f"at least the {source.features.shape[1]} recorded")
    out = folder / f"n{n}-d{dim}-seed{seed}"
    if not (out / "queries.npy").exists():                            # the last one written
        rng = np.random.default_rng(seed)
        turn = orthonormal(source.features.shape[1], dim, rng)
        labels = _write_features(out / "features.npy", _pieces(source, n, rng), (n, dim), turn)
        with atomic_path(out / "labels.npy") as path, open(path, "wb") as file:
            np.save(file, labels)
        _write_features(out / "queries.npy", _pieces(source, QUERIES, rng, between=True), (QUERIES, dim), turn)
    return out


def read_sample(folder: Path) -> Sample:
    """Read a sample that `write_sample` wrote."""
    return Sample(*(np.load(folder / f"{name}.npy") for name in ("features", "labels", "queries")))


def orthonormal(rows: int, columns: int, rng: np.random.Generator) -> np.ndarray | None:
    """A random matrix float32 [rows, columns] that keeps distances; None if `rows` equals `columns`."""
    if rows == columns:
        return None
    return np.linalg.qr(rng.standard_normal((columns, rows)))[0].T.astype(np.float32)


def _pieces(
    source: Embeddings, n: int, rng: np.random.Generator, between: bool = False
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Unit vectors [c, d] and labels [c], n in all; `between` draws new ones even if the source has enough."""
    points = source.normalized()
    if n <= len(source) and not between:
        rows = rng.permutation(len(source))[:n]
        yield points[rows], source.labels[rows]
        return
    action, counts = np.unique(source.labels, return_inverse=True, return_counts=True)[1:]
    by_action, starts = np.argsort(action, kind="stable"), np.cumsum(counts) - counts
    noise = (SPREAD * points.std(axis=0)).astype(np.float32)
    for start in range(0, n, CHUNK):
        one = rng.integers(0, len(points), min(CHUNK, n - start))
        other = by_action[starts[action[one]] + rng.integers(0, counts[action[one]])]
        place = rng.random((len(one), 1), dtype=np.float32)
        drawn = place * points[one] + (1 - place) * points[other]
        drawn += noise * rng.standard_normal(drawn.shape, dtype=np.float32)
        yield drawn / np.linalg.norm(drawn, axis=1, keepdims=True), source.labels[one]


def _write_features(
    path: Path, pieces: Iterator[tuple[np.ndarray, np.ndarray]], shape: tuple[int, int], turn: np.ndarray | None
) -> np.ndarray:
    """Write the vectors piece by piece, so that a million of them need no memory; returns their labels."""
    labels, row = [], 0
    with atomic_path(path) as temporary:
        out = np.lib.format.open_memmap(temporary, mode="w+", dtype=np.float32, shape=shape)
        for points, actions in pieces:
            out[row : row + len(points)] = points if turn is None else points @ turn
            row += len(points)
            labels.append(actions)
        out.flush()
    return np.concatenate(labels)
