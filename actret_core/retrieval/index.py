"""An index of embeddings that is searched by vector or by id."""

import difflib
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import faiss
import numpy as np

from actret_core.config import require
from actret_core.errors import EmbeddingError
from actret_core.retrieval.embeddings import Embeddings, atomic_path, unit_vectors

KIND = "flat"


class ActionIndex:
    """Exact cosine search over unit vectors, in the order of `ids`.

    Saved as two files: `<path>` holds the vectors as FAISS writes them, `<path>.json` the ids and the SHA-256
    of the first, by which a cut or exchanged file is found out.
    """

    def __init__(self, index: faiss.Index, ids: Sequence[str]) -> None:
        self._index = index
        self._rows = {name: row for row, name in enumerate(ids)}
        self.ids = np.asarray(ids, dtype=np.str_)
        if len(self._rows) < len(ids):
            raise EmbeddingError(f"ids: {len(ids) - len(self._rows)} stand twice; ids must be unique")
        if index.ntotal != len(ids):
            raise EmbeddingError(f"the index holds {index.ntotal} vectors, but there are {len(ids)} ids")

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def dim(self) -> int:
        """Number of dimensions of a vector."""
        return self._index.d

    @classmethod
    def build(cls, embeddings: Embeddings) -> "ActionIndex":
        """Index all embeddings, L2-normalized. Raises EmbeddingError for a zero vector."""
        index = faiss.IndexIDMap2(faiss.IndexFlatIP(embeddings.features.shape[1]))
        index.add_with_ids(embeddings.normalized(), np.arange(len(embeddings)))
        return cls(index, embeddings.ids.tolist())

    def search(self, queries: np.ndarray | Sequence[str], top: int = 10) -> tuple[np.ndarray, np.ndarray]:
        """The `top` nearest of every query: ids [Q, top] str and cosines float32 [Q, top], best first.

        queries: features [Q, D], or ids of indexed items, each of which is left out of its own answer. Where
        fewer than `top` items are left, all of them are returned. Raises EmbeddingError for another D or an
        absent id.
        """
        require(top >= 1, "top", top, "at least 1")
        if isinstance(queries, np.ndarray) and queries.dtype.kind == "f":
            rows, scores = self._search_vectors(queries, top)
        else:
            rows, scores = self._search_ids(queries, top)
        return self.ids[rows], scores

    def save(self, path: str | Path) -> None:
        """Write `<path>` and `<path>.json`; each replaces an older one only when complete."""
        sidecar = {"kind": KIND, "count": len(self), "dim": self.dim, "ids": self.ids.tolist()}
        with atomic_path(path) as temporary:
            faiss.write_index(self._index, str(temporary))
            sidecar["sha256"] = _sha256(temporary)
        with atomic_path(_sidecar(path)) as temporary:
            temporary.write_text(json.dumps(sidecar, indent=0))

    @classmethod
    def load(cls, path: str | Path) -> "ActionIndex":
        """Read what `save` wrote. Raises EmbeddingError if a file is missing, cut or not of the other."""
        try:
            sidecar = json.loads(_sidecar(path).read_text())
            ids, expected = sidecar["ids"], sidecar["sha256"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise EmbeddingError(
                f"{_sidecar(path)}: not the ids of an index; build it again: {error!r}"
            ) from error
        try:
            found = _sha256(Path(path))
        except OSError as error:
            raise EmbeddingError(f"{path}: cannot be read; build the index again: {error}") from error
        if found != expected:
            raise EmbeddingError(
                f"{path}: cut short, or not the file that its .json describes; build it again"
            )
        return cls(faiss.read_index(str(path)), ids)

    def _search_vectors(self, features: np.ndarray, top: int) -> tuple[np.ndarray, np.ndarray]:
        if features.ndim != 2 or features.shape[1] != self.dim:
            raise EmbeddingError(f"queries are {features.shape}: this index holds vectors [*, {self.dim}]")
        scores, rows = self._index.search(unit_vectors(features).astype(np.float32), min(top, len(self)))
        return rows, scores

    def _search_ids(self, names: Sequence[str], top: int) -> tuple[np.ndarray, np.ndarray]:
        own = np.array([self._row(name) for name in np.atleast_1d(names)], dtype=np.int64)
        vectors = self._index.reconstruct_batch(own)
        rows, scores = self._search_vectors(vectors, top + 1)
        others_first = np.argsort(rows == own[:, None], axis=1, kind="stable")[:, : min(top, len(self) - 1)]
        rows, scores = (np.take_along_axis(found, others_first, axis=1) for found in (rows, scores))
        return rows, scores

    def _row(self, name: str) -> int:
        if name not in self._rows:
            near = difflib.get_close_matches(str(name), self._rows, n=1)
            hint = f"did you mean {near[0]!r}?" if near else "list the index's ids with .ids"
            raise EmbeddingError(f"id {str(name)!r} is not in the index; {hint}")
        return self._rows[name]


def _sidecar(path: str | Path) -> Path:
    return Path(f"{path}.json")


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
