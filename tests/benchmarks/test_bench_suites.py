"""The contenders are asked the same question: on a small sample they give the same answer."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest

from benchmarks import evaluation, rerank, search
from benchmarks.process import measure
from benchmarks.public import load_torchreid, version
from benchmarks.sample import Sample, read_sample, write_sample
from benchmarks.suite import Case, Suite
from benchmarks.suites import SUITES
from actret_core.retrieval import Embeddings, evaluate

EVERY = [(suite, name) for suite in SUITES if suite != "throughput" for name in SUITES[suite].contenders]


@pytest.fixture
def sample(source: Embeddings, tmp_path: Path) -> Sample:
    return read_sample(write_sample(source, tmp_path, 150, 8))


def _needs(suite: Suite, name: str) -> None:
    package = suite.contenders[name].package
    if package and not version(package):
        pytest.skip(f"{package} is not installed: the extra `bench` has it")


@pytest.mark.slow
@pytest.mark.parametrize(("suite", "name"), EVERY)
def test_every_contender_measures_its_cost_and_answers_right(
    source: Embeddings, tmp_path: Path, suite: str, name: str
) -> None:
    """Each in a process of its own, as in a benchmark: some change FAISS for all who come after them."""
    _needs(SUITES[suite], name)
    settings = {"k1": 10, "k2": 3, "variant": "concatenated"} if suite == "rerank" else {}
    case, programs = Case(600, 32, settings), SUITES[suite].contenders
    assert programs[name].refuses(case) == ""
    folder = write_sample(source, tmp_path, case.n, case.dim)
    found, sample = measure(suite, name, case, folder), read_sample(folder)
    assert 0 < found[SUITES[suite].cost] < 60 and all(value >= 0 for value in found.values())
    expected = SUITES[suite].quality(sample, case, next(iter(programs.values())).run(sample, case)[1])
    tolerance = {"rerank": 2, "evaluate": 1e-3, "search": 0.1}[suite]  # re-rankers differ in details; search may miss
    assert {key: found[key] for key in expected} == pytest.approx(expected, abs=tolerance)


def test_evaluation_is_that_of_the_metrics(sample: Sample) -> None:
    found = evaluation.quality(sample, Case(150, 8), evaluation.ours(sample, Case(150, 8))[1])
    expected = evaluate(Embeddings(sample.features, sample.labels, np.arange(150)))
    assert found == {"mAP": round(100 * expected.mAP, 4), "rank1": round(100 * expected.rank1, 4)}


def test_recall_counts_the_right_ones(sample: Sample) -> None:
    right = np.argsort(-sample.queries @ sample.features.T, axis=1)[:, :10]
    case = Case(150, 8)
    assert search.quality(sample, case, right) == {"recall@10": 1}
    wrong = right.copy()
    wrong[:, :3] = -1                                                 # as FAISS fills up what it did not find
    assert search.quality(sample, case, wrong) == {"recall@10": pytest.approx(0.7)}


def test_queries_are_asked_one_by_one(sample: Sample) -> None:
    asked = []
    answer = partial(np.full, (1, 10), dtype=np.int64)
    measured, found = search.one_by_one(lambda query: asked.append(query.shape) or answer(len(asked)), sample.queries)
    assert asked == [(1, 8)] * (len(sample.queries) + 1)
    assert found.shape == (len(sample.queries), 10) and found[:, 0].tolist() == list(range(2, len(asked) + 1))
    assert 0 < measured["ms_per_query"] <= measured["p95_ms"] and measured["queries"] == len(sample.queries)


def test_a_slow_program_is_asked_less_and_scored_on_what_it_answered(
    sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "BUDGET", 0.0)
    exact = np.argsort(-sample.queries @ sample.features.T, axis=1)[:, :10]
    measured, found = search.one_by_one(lambda query: exact[:1], sample.queries)
    assert measured["queries"] == len(found) == 1
    assert search.quality(sample, Case(150, 8), found) == {"recall@10": 1}


def test_what_is_too_large_is_refused_with_a_reason() -> None:
    large = Case(100_000, 256, rerank.LARGE)
    assert rerank.not_public(large) == "knows the concatenated variant alone"
    assert "6 GB" in rerank.not_public(Case(20_000, 256, rerank.PAPER))
    many = Case(50_000, 256)
    assert "20 GB" in evaluation.too_many(many) and "50000 queries" in evaluation.too_long(many)
    for suite in SUITES.values():
        ours = next(iter(suite.contenders.values()))
        assert not any(ours.refuses(case) for case in (*suite.quick, *suite.cases[:2]))


def test_a_file_of_torchreid_loads_without_the_rest() -> None:
    if not version("torchreid"):
        pytest.skip("torchreid is not installed: the extra `bench` has it")
    assert callable(load_torchreid("utils/rerank").re_ranking)
    assert version("no-such-distribution") is None
