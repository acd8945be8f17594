"""An entry to the benchmark: anybody's embeddings, scored under the protocol and printed as a row of Table 1."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from actret_core.config import require
from actret_core.data.readers.registry import SOURCES, dataset_info
from actret_core.errors import ConfigError, EmbeddingError
from actret_core.experiments.record import read_record
from actret_core.files import UNREADABLE
from actret_core.retrieval import (
    Embeddings, RetrievalMetrics, bootstrap_interval, evaluate, k_reciprocal_rerank, paired_test,
)
from actret_core.retrieval.protocol import VERSIONS, Protocol, to_embeddings

HEADER = (
    "| method | mAP [95%] | Rank-1 | Rank-5 | re-ranked mAP | Rank-1 | Rank-5 |\n"
    "|---|---|---|---|---|---|---|"
)
HOW_TO_WRITE = "write it by np.savez(path, features=features, ids=np.array(ids, dtype=str))"


@dataclass(frozen=True)
class Reranking:
    """The settings of k-reciprocal re-ranking; the defaults are the paper's."""

    k1: int = 200
    k2: int = 20
    lambda_: float = 0.3
    variant: Literal["concatenated", "single"] = "concatenated"

    def __str__(self) -> str:
        return f"{self.variant}, k1 = {self.k1}, k2 = {self.k2}, lambda = {self.lambda_:g}"


@dataclass(frozen=True, eq=False)
class Scores:
    """One method's metrics: plain, re-ranked, and with other persons of the query's photograph in the gallery.

    `reranked` is None if it was not asked for; `own_photograph` is None if no photograph shows several persons.
    """

    plain: RetrievalMetrics
    reranked: RetrievalMetrics | None
    own_photograph: RetrievalMetrics | None


def read_submission(path: str | Path, protocol: Protocol) -> Embeddings:
    """Read `features` [N, D] and `ids` [N] from an .npz; other arrays in it are ignored.

    Raises EmbeddingError, naming the file, if it cannot be read or does not fit the protocol.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            features, ids = file["features"], file["ids"]
    except UNREADABLE as error:
        raise EmbeddingError(f"{path}: no .npz with features and ids ({error}); {HOW_TO_WRITE}") from error
    try:
        return to_embeddings(protocol, features, ids)
    except EmbeddingError as error:
        raise EmbeddingError(f"{path}: {error}") from error


def read_run(path: str | Path, protocol: Protocol) -> Embeddings:
    """The embeddings of a recorded run, in `embeddings/` beside its record.

    Raises ConfigError for a record of another data set, and the errors of both readers.
    """
    path = Path(path)
    if (dataset := read_record(path).dataset) != protocol.name:
        raise ConfigError(f"{path}: a run on {dataset}; name one on {protocol.name}")
    return read_submission(path.parent / "embeddings" / f"{path.stem}.npz", protocol)


def score(embeddings: Embeddings, reranking: Reranking | None = Reranking()) -> Scores:
    """Score embeddings in the protocol's order. Raises ConfigError for settings out of range."""
    return Scores(
        reranked=reranking and _reranked(embeddings, reranking),      # first, since it checks the settings
        plain=evaluate(embeddings),
        own_photograph=None if embeddings.groups is None else evaluate(replace(embeddings, groups=None)),
    )


def _reranked(embeddings: Embeddings, settings: Reranking) -> RetrievalMetrics:
    distances = k_reciprocal_rerank(embeddings.features, **asdict(settings))
    return evaluate(embeddings, distances=distances)


def table_row(name: str, scores: Scores) -> str:
    """A Markdown row under HEADER, in percent."""
    low, high = (f"{100 * bound:.1f}" for bound in bootstrap_interval(scores.plain.per_query))
    mean, *ranks = _cells(scores.plain)
    reranked = _cells(scores.reranked) if scores.reranked else ["not run"] * 3
    safe = name.replace("|", "\\|")
    return f"| {' | '.join([safe, f'{mean} [{low}, {high}]', *ranks, *reranked])} |"


def _cells(metrics: RetrievalMetrics) -> list[str]:
    return [f"{100 * value:.1f}" for value in (metrics.mAP, metrics.rank1, metrics.rank5)]


def describe(protocol: Protocol, scores: Scores, reranking: Reranking | None) -> str:
    """A sentence or two on the data and the settings that the row was measured with."""
    text = f"{protocol.name}, protocol version {protocol.version}: {scores.plain.n_queries} queries in a "
    text += f"gallery of {len(protocol.ids)}. Re-ranking: {reranking or 'not run'}."
    if scores.own_photograph:
        counted = ", ".join(_cells(scores.own_photograph))
        text += f"\nWith the other persons of the query's photograph counted: mAP, Rank-1, Rank-5 = {counted}."
    return text


def compare(theirs: Scores, recorded: Scores) -> list[str]:
    """Paired tests, a line each: the difference in points of mAP with its 95% interval, and the p-value."""
    lines = [f"mAP {_difference(theirs.plain, recorded.plain)}"]
    if theirs.reranked and recorded.reranked:
        lines.append(f"re-ranked mAP {_difference(theirs.reranked, recorded.reranked)}")
    return lines


def _difference(theirs: RetrievalMetrics, recorded: RetrievalMetrics) -> str:
    test = paired_test(theirs.per_query, recorded.per_query)
    low, high = bootstrap_interval(theirs.per_query - recorded.per_query)
    return f"{100 * test.difference:+.2f} [{100 * low:+.2f}, {100 * high:+.2f}], p = {test.p_value:.4f}"


def build_protocol(dataset: str, root: str | Path) -> Protocol:
    """The protocol of a data set from its folder in the official layout; of VOC, the annotations are enough.

    Raises ConfigError for a data set without a protocol, and the reader's DataError.
    """
    require(dataset in SOURCES, "dataset", dataset, f"one of {', '.join(SOURCES)}")
    source, info = SOURCES[dataset], dataset_info(dataset)
    train, evaluation = (source.read(Path(root), split) for split in (info.train, info.evaluation))
    photographs = tuple(sample.image_id for sample in evaluation.samples)
    return Protocol(
        dataset, VERSIONS[dataset], source.source, source.relevance, source.exclusion, evaluation.actions,
        train_ids=tuple(train.ids), ids=tuple(evaluation.ids),
        labels=tuple(tuple(sample.labels) for sample in evaluation.samples),
        groups=photographs if len(set(photographs)) < len(photographs) else None,
    )
