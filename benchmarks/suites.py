"""The suites by name."""

from benchmarks import evaluation, rerank, search, throughput
from benchmarks.suite import Suite

SUITES: dict[str, Suite] = {
    "rerank": rerank.SUITE, "evaluate": evaluation.SUITE, "search": search.SUITE, "throughput": throughput.SUITE,
}
