"""From embeddings to a ranked gallery: metrics, re-ranking, an index, significance. Knows only arrays."""

from actret_core.retrieval.embeddings import Embeddings, compress
from actret_core.retrieval.index import ActionIndex
from actret_core.retrieval.metrics import RetrievalMetrics, evaluate, recognition_map
from actret_core.retrieval.rerank import k_reciprocal_rerank
from actret_core.retrieval.significance import bootstrap_interval

__all__ = [
    "ActionIndex",
    "Embeddings",
    "RetrievalMetrics",
    "bootstrap_interval",
    "compress",
    "evaluate",
    "k_reciprocal_rerank",
    "recognition_map",
]
