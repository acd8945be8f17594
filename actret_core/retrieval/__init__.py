"""From embeddings to a ranked gallery: metrics, re-ranking, an index, significance. It knows arrays, not data sets."""

from actret_core.files import file_sha256
from actret_core.retrieval.embeddings import Embeddings, compress
from actret_core.retrieval.expansion import augment_database, expand_queries
from actret_core.retrieval.index.index import ActionIndex
from actret_core.retrieval.index.index_kinds import IndexConfig
from actret_core.retrieval.metrics import RetrievalMetrics, evaluate
from actret_core.retrieval.recognition import recognition_ap, recognition_draws, recognition_map
from actret_core.retrieval.reranking.rerank import Reranker, k_reciprocal_rerank
from actret_core.retrieval.significance import PairedTest, bootstrap_interval, paired_test

__all__ = [
    "ActionIndex",
    "Embeddings",
    "IndexConfig",
    "PairedTest",
    "Reranker",
    "RetrievalMetrics",
    "augment_database",
    "bootstrap_interval",
    "compress",
    "evaluate",
    "expand_queries",
    "file_sha256",
    "k_reciprocal_rerank",
    "paired_test",
    "recognition_ap",
    "recognition_draws",
    "recognition_map",
]
