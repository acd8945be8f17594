"""The kinds of FAISS index that hold a gallery of unit vectors: exact, a graph, or compressed cells."""

import math
from typing import Annotated, Literal

import faiss
import numpy as np
from pydantic import Field

from actret_core.config import NonNegativeInt, PositiveInt, config_class, require
from actret_core.errors import EmbeddingError

CENTROIDS = 256  # of each byte of a code
Links = Annotated[int, Field(ge=2)]


@config_class
class IndexConfig:
    """How an index is built and searched. A field counts for the kinds named beside it; the defaults are ours."""

    kind: Literal["flat", "hnsw", "ivfpq"] = "flat"  # flat compares with every vector: exact
    links: Links = 32                # hnsw: neighbors that a vector is linked to
    build_effort: PositiveInt = 80   # hnsw: candidates kept while a vector's links are sought
    effort: PositiveInt = 64         # hnsw: candidates kept during a search; more finds more and takes longer
    lists: NonNegativeInt = 0        # ivfpq: cells that the vectors are divided into; 0 means 4 sqrt(N)
    probes: PositiveInt = 16         # ivfpq: cells that a search looks into
    code_bytes: NonNegativeInt = 0   # ivfpq: bytes of a compressed vector, a divisor of D; 0 means one for 4 dimensions
    refine: PositiveInt = 20         # ivfpq: candidates compared with the full query, as a multiple of `top`


def make_index(config: IndexConfig, vectors: np.ndarray) -> faiss.Index:
    """An index of the vectors, float32 [N, D] of unit length, by inner product; row n is vector n.

    Raises EmbeddingError where ivfpq has too few vectors to learn its codes from; ConfigError for code_bytes
    that do not divide D.
    """
    dim = vectors.shape[1]
    if config.kind == "flat":
        index = faiss.IndexFlatIP(dim)
    elif config.kind == "hnsw":
        index = faiss.IndexHNSWFlat(dim, config.links, faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efConstruction = config.build_effort
    else:
        index = _trained_cells(config, vectors)
    index.add(vectors)
    return index


def stored_vectors(index: faiss.Index) -> faiss.IndexFlat:
    """The full vectors that an index of any kind holds, to be read or searched one by one."""
    if isinstance(index, faiss.IndexHNSW):
        return faiss.downcast_index(index.storage)
    if isinstance(index, faiss.IndexRefine):
        return faiss.downcast_index(index.refine_index)
    return index


def search_with(
    index: faiss.Index, queries: np.ndarray, top: int, parameters: faiss.SearchParameters | None
) -> tuple[np.ndarray, np.ndarray]:
    """Inner products and rows [Q, top] of the best for queries float32 [Q, D]; row -1 where too few are found."""
    # faiss.contrib.torch_utils, which pytorch-metric-learning imports, puts a `search` in place that takes no params
    search = getattr(index, "search_numpy", index.search)
    return search(queries, top, params=parameters)


def search_parameters(config: IndexConfig, hidden: np.ndarray) -> faiss.SearchParameters | None:
    """How to search an index made with `config`, passing over the hidden rows int64 [h]."""
    if config.kind == "flat":
        return exact_parameters(hidden)
    chosen = {"sel": _all_but(hidden)} if len(hidden) else {}
    if config.kind == "hnsw":
        return faiss.SearchParametersHNSW(efSearch=config.effort, **chosen)
    cells = faiss.SearchParametersIVF(nprobe=config.probes, **chosen)
    return faiss.IndexRefineSearchParameters(k_factor=config.refine, base_index_params=cells)


def exact_parameters(hidden: np.ndarray) -> faiss.SearchParameters | None:
    """The same for a search of the stored vectors."""
    return faiss.SearchParameters(sel=_all_but(hidden)) if len(hidden) else None


def _trained_cells(config: IndexConfig, vectors: np.ndarray) -> faiss.IndexRefineFlat:
    count, dim = vectors.shape
    code_bytes = config.code_bytes or max(n for n in range(1, max(dim // 4, 1) + 1) if dim % n == 0)
    require(dim % code_bytes == 0, "code_bytes", code_bytes, f"a divisor of {dim} dimensions")
    if count < CENTROIDS:
        raise EmbeddingError(
            f"kind 'ivfpq' learns its codes from at least {CENTROIDS} vectors, and there are {count}: use 'flat'"
        )
    lists = config.lists or math.ceil(4 * math.sqrt(count))
    cells = faiss.IndexIVFPQ(
        faiss.IndexFlatIP(dim), dim, min(lists, count), code_bytes, 8, faiss.METRIC_INNER_PRODUCT
    )
    cells.cp.min_points_per_centroid = cells.pq.cp.min_points_per_centroid = 1  # no warning on the terminal
    index = faiss.IndexRefineFlat(cells)
    index.train(vectors)
    return index


def _all_but(hidden: np.ndarray) -> faiss.IDSelector:
    return faiss.IDSelectorNot(faiss.IDSelectorBatch(hidden))
