"""Search: build an index, and find ten neighbors of one query at a time on a single thread; time and recall."""

import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import faiss
import numpy as np
from sklearn.neighbors import NearestNeighbors
from threadpoolctl import threadpool_limits

from actret_core.retrieval import ActionIndex, Embeddings, IndexConfig
from benchmarks.sample import Sample
from benchmarks.suite import Case, Contender, Measured, Suite

TOP = 10
BUDGET = 60.0  # seconds; slow programs answer fewer queries
KINDS = {kind: partial(ActionIndex.build, config=IndexConfig(kind)) for kind in ("flat", "hnsw", "ivfpq")}


def ours(kind: str, sample: Sample, case: Case) -> tuple[Measured, np.ndarray]:
    """One kind of ours: build time, latency, the size of the saved file, and the rows found [q, 10]."""
    items = Embeddings(sample.features, sample.labels, np.arange(case.n))
    start = time.perf_counter()
    index = KINDS[kind](items)
    build = {"build_seconds": time.perf_counter() - start}
    latency, found = one_by_one(lambda query: index.search(query, TOP)[0], sample.queries)
    return build | latency | {"saved_mb": _saved_mb(index)}, found.astype(np.int64)


def _saved_mb(index: ActionIndex) -> float:
    with tempfile.TemporaryDirectory() as folder:
        index.save(Path(folder) / "index")
        return sum(path.stat().st_size for path in Path(folder).iterdir()) / 1e6


def scikit_learn(sample: Sample, case: Case) -> tuple[Measured, np.ndarray]:
    """scikit-learn's exact search."""
    start = time.perf_counter()
    index = NearestNeighbors(n_neighbors=TOP, algorithm="brute", metric="cosine").fit(sample.features)
    build = {"build_seconds": time.perf_counter() - start}
    latency, found = one_by_one(partial(index.kneighbors, return_distance=False), sample.queries)
    return build | latency, found


def one_by_one(search: Callable[[np.ndarray], np.ndarray], queries: np.ndarray) -> tuple[Measured, np.ndarray]:
    """Median and 95th percentile of a query's time on one thread, the number of queries, and the rows found [q, 10]."""
    seconds, answers = [], []
    with threadpool_limits(1):
        search(queries[:1])                                           # the first one warms the caches
        for query in queries:
            start = time.perf_counter()
            answers.append(search(query[None])[0])
            seconds.append(time.perf_counter() - start)
            if sum(seconds) > BUDGET:
                break
    middle, slow = np.percentile(seconds, [50, 95]) * 1000
    return {"ms_per_query": float(middle), "p95_ms": float(slow), "queries": len(answers)}, np.array(answers)


def quality(sample: Sample, case: Case, found: np.ndarray) -> Measured:
    """recall@10: the share of the ten nearest, by exact inner products, that was found."""
    nearest = faiss.knn(sample.queries[: len(found)], sample.features, TOP, metric=faiss.METRIC_INNER_PRODUCT)[1]
    hits = [len(np.intersect1d(*pair)) for pair in zip(nearest, found, strict=True)]
    return {"recall@10": float(np.mean(hits)) / TOP}


SUITE = Suite(
    cases=(Case(10_000, 256), Case(100_000, 256), Case(1_000_000, 256)),
    quick=(Case(1000, 256),),
    contenders={kind: Contender(partial(ours, kind)) for kind in KINDS} | {"scikit-learn": Contender(scikit_learn)},
    quality=quality,
    cost="ms_per_query",
)
