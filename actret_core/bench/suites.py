"""The suites by name."""

from actret_core.bench import evaluation, rerank, search, throughput
from actret_core.bench.suite import Suite

SUITES: dict[str, Suite] = {
    "rerank": rerank.SUITE, "evaluate": evaluation.SUITE, "search": search.SUITE, "throughput": throughput.SUITE,
}
