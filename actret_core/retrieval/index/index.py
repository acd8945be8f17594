"""An index of embeddings that is searched by vector or by id, and changed by id."""

import difflib
from collections.abc import Iterable, Sequence
from pathlib import Path

import faiss
import numpy as np

from actret_core.config import require
from actret_core.errors import ConfigError, EmbeddingError
from actret_core.retrieval.arrays import are_words, as_array
from actret_core.retrieval.embeddings import Embeddings, unit_vectors
from actret_core.retrieval.index.index_files import Sidecar, read_index, write_index
from actret_core.retrieval.index.index_kinds import (
    IndexConfig, exact_parameters, make_index, search_parameters, search_with, stored_vectors,
)


class ActionIndex:
    """Cosine search over unit vectors. The config's kind says how: `flat` is exact, `hnsw` and `ivfpq` are fast.

    `model` is a fingerprint of the model that made the embeddings, such as `file_sha256` of its weights.
    FAISS cannot delete a vector from a graph, from the full vectors that ivfpq refines with, or from a mapped file:
    there a removed vector is hidden from every search until `rebuild`.
    """

    def __init__(self, index: faiss.Index, sidecar: Sidecar, mapped: bool = False) -> None:
        self.config, self.model = sidecar.config, sidecar.model
        self._index, self._mapped = index, mapped
        self._on_gpu: faiss.Index | None = None
        self._names = np.asarray(sidecar.ids, dtype=np.str_)
        self._hidden = np.asarray(sidecar.hidden, dtype=np.int64)
        if index.ntotal != len(self._names):
            raise EmbeddingError(f"the index holds {index.ntotal} vectors, but there are {len(self._names)} ids")
        self._rows = self._find_rows()

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def dim(self) -> int:
        """Number of dimensions of a vector."""
        return self._index.d

    @property
    def ids(self) -> np.ndarray:
        """The ids that a search can find, str [N], in the order in which they were added."""
        return np.delete(self._names, self._hidden)

    @classmethod
    def build(
        cls, embeddings: Embeddings, config: IndexConfig = IndexConfig(), model: str = ""
    ) -> "ActionIndex":
        """Index all embeddings, L2-normalized.

        Raises EmbeddingError for a zero vector, and where make_index does.
        """
        index = make_index(config, embeddings.normalized())
        return cls(index, Sidecar(config, model, embeddings.ids.tolist(), []))

    def search(self, queries: np.ndarray | Sequence[str], top: int = 10) -> tuple[np.ndarray, np.ndarray]:
        """The `top` nearest of every query: ids [Q, top] str and cosines float32 [Q, top], best first.

        queries: features [Q, D] as an array, a list or a tensor, or ids of indexed items (a single string is one id),
        each of which is left out of its own answer. If the index has fewer than `top` items to return, all of them are
        returned; if a fast kind finds too few, the exact search is used. Raises EmbeddingError for another D, an absent
        id or an empty index.
        """
        require(top >= 1, "top", top, "at least 1")
        if not len(self):
            raise EmbeddingError("the index is empty: every item was removed; add some before a search")
        values = as_array(queries, "queries")
        if values.ndim < 2 and are_words(values):
            rows, scores = self._search_ids(np.atleast_1d(values), top)
        else:
            rows, scores = self._search_vectors(values, top)
        return self._names[rows], scores

    def add(self, embeddings: Embeddings, model: str | None = None) -> None:
        """Append embeddings.

        Raises EmbeddingError for an id that is in the index, another D, another model, or a mapped index.
        """
        self._require_model(model)
        if self._mapped:
            raise EmbeddingError("the index is a mapped file, which cannot grow: rebuild it, or load it unmapped")
        if embeddings.features.shape[1] != self.dim:
            raise EmbeddingError(f"features are {embeddings.features.shape}: this index holds [*, {self.dim}]")
        twice = [name for name in embeddings.ids.tolist() if name in self._rows]
        if twice:
            raise EmbeddingError(f"ids: {twice[0]!r} is in the index already ({len(twice)} such); remove it first")
        vectors = embeddings.normalized()
        self._index.add(vectors)
        self._names = np.concatenate([self._names, embeddings.ids])
        self._refresh()

    def remove(self, ids: str | Iterable[str]) -> None:
        """Take items out of every search; a single string is one id.

        Raises EmbeddingError for an absent id, before anything is removed.
        """
        names = [ids] if isinstance(ids, str) else ids
        rows = np.unique(np.array([self._row(name) for name in names], dtype=np.int64))
        if self.config.kind == "flat" and not self._mapped:
            self._index.remove_ids(faiss.IDSelectorBatch(rows))  # later rows move up
            self._names = np.delete(self._names, rows)
        else:
            self._hidden = np.concatenate([self._hidden, rows])
        self._refresh()

    def rebuild(self) -> None:
        """Build the index again without the hidden vectors. Raises EmbeddingError if no vector is left."""
        if not len(self):
            raise EmbeddingError("the index is empty: every item was removed; there is nothing to rebuild")
        rows = np.delete(np.arange(len(self._names)), self._hidden)
        self._index = make_index(self.config, stored_vectors(self._index).reconstruct_batch(rows))
        self._names, self._hidden, self._mapped = self._names[rows], self._hidden[:0], False
        self._refresh()

    def to_gpu(self) -> None:
        """Search a copy of the index on the GPU, until the index changes.

        Raises ConfigError without a GPU that FAISS sees, or for another kind than flat.
        """
        require(self.config.kind == "flat", "kind", self.config.kind, "'flat' on a GPU")
        if not faiss.get_num_gpus():
            raise ConfigError("the installed FAISS sees no GPU: faiss-cpu never does, faiss-gpu may")
        self._on_gpu = faiss.index_cpu_to_all_gpus(self._index)

    def save(self, path: str | Path) -> None:
        """Write `<path>` and `<path>.json`; both replace an older pair at once, when they are complete."""
        sidecar = Sidecar(self.config, self.model, self._names.tolist(), self._hidden.tolist())
        write_index(path, self._index, sidecar)

    @classmethod
    def load(cls, path: str | Path, model: str | None = None, mapped: bool = False) -> "ActionIndex":
        """Read what `save` wrote; `mapped` leaves the vectors on disk until a search needs them.

        Raises EmbeddingError if a file is missing or cut short, if the two files do not belong together, or if `model`
        is given and is not the model that made these embeddings.
        """
        index = cls(*read_index(path, mapped), mapped)
        index._require_model(model, f"{path}: ")
        return index

    def _search_vectors(self, features: np.ndarray, top: int) -> tuple[np.ndarray, np.ndarray]:
        if features.ndim != 2 or features.shape[1] != self.dim:
            hint = "" if features.ndim == 2 and features.dtype.kind in "iuf" else "; ids are a list of strings"
            raise EmbeddingError(f"queries are {features.shape}: this index holds vectors [*, {self.dim}]{hint}")
        vectors, top = unit_vectors(features).astype(np.float32), min(top, len(self))
        if self._on_gpu is not None and not len(self._hidden):
            scores, rows = self._on_gpu.search(vectors, top)
        else:
            scores, rows = search_with(self._index, vectors, top, search_parameters(self.config, self._hidden))
        short = np.flatnonzero((rows < 0).any(axis=1))
        if len(short):
            exact = stored_vectors(self._index)
            scores[short], rows[short] = search_with(exact, vectors[short], top, exact_parameters(self._hidden))
        return rows, scores

    def _search_ids(self, names: np.ndarray, top: int) -> tuple[np.ndarray, np.ndarray]:
        own = np.array([self._row(name) for name in names.tolist()], dtype=np.int64)
        vectors = stored_vectors(self._index).reconstruct_batch(own)
        rows, scores = self._search_vectors(vectors, top + 1)
        others_first = np.argsort(rows == own[:, None], axis=1, kind="stable")[:, : min(top, len(self) - 1)]
        rows, scores = (np.take_along_axis(found, others_first, axis=1) for found in (rows, scores))
        return rows, scores

    def _row(self, name: str) -> int:
        name = str(name)
        if name not in self._rows:
            near = difflib.get_close_matches(name, self._rows, n=1)
            hint = f"did you mean {near[0]!r}?" if near else "list the index's ids with .ids"
            raise EmbeddingError(f"id {name!r} is not in the index; {hint}")
        return self._rows[name]

    def _refresh(self) -> None:
        self._rows, self._on_gpu = self._find_rows(), None

    def _find_rows(self) -> dict[str, int]:
        rows = np.delete(np.arange(len(self._names)), self._hidden)
        found = dict(zip(self._names[rows].tolist(), rows.tolist(), strict=True))
        if len(found) < len(rows):
            raise EmbeddingError(f"ids: {len(rows) - len(found)} occur twice; ids must be unique")
        return found

    def _require_model(self, model: str | None, where: str = "") -> None:
        if model is not None and model != self.model:
            raise EmbeddingError(
                f"{where}the index holds embeddings of model {self.model!r}, not of {model!r}: their vectors cannot "
                "be compared; embed the gallery again with one model"
            )
