"""Entries to the benchmark, on tiny protocols whose scores can be counted by hand, and on the recorded run."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from actret_core.errors import ConfigError, EmbeddingError
from actret_core.retrieval.protocol import Protocol, load_protocol
from actret_core.retrieval import k_reciprocal_rerank
from actret_core.experiments.benchmark import (
    HEADER, Reranking, compare, describe, read_run, read_submission, score, table_row,
)

ROOT = Path(__file__).parents[2]
RUN = ROOT / "results" / "stanford40" / "region_net-cpu-seed0.json"


def angles(*degrees: float) -> np.ndarray:
    """Unit vectors [N, 2]: the nearer the angle, the more alike."""
    turn = np.radians(degrees)
    return np.stack([np.cos(turn), np.sin(turn)], axis=1)


def protocol(labels: list[tuple[int, ...]], groups: str | None = None) -> Protocol:
    ids = tuple(f"s{i}" for i in range(len(labels)))
    return Protocol("tiny", 1, "made up", "", "", ("a", "b"), (), ids, tuple(labels), groups and tuple(groups))


SINGLE = protocol([(0,), (0,), (1,), (1,)])
SHARED = protocol([(0,), (0,), (0, 1), ()], groups="ppqr")


def write(path: Path, features: np.ndarray, ids: object = SINGLE.ids, **more: np.ndarray) -> Path:
    np.savez(path, features=features, ids=ids, **more)
    return path


def test_scores_counted_by_hand(tmp_path: Path) -> None:
    """The mate of s0 comes first, of s1 second, of s2 third, of s3 first; the file's order does not matter."""
    path = write(tmp_path / "theirs.npz", angles(15, 40, 0, 10), ("s2", "s3", "s0", "s1"), labels=np.zeros(9))
    scores = score(read_submission(path, SINGLE), None)
    np.testing.assert_allclose(scores.plain.per_query, [1, 1 / 2, 1 / 3, 1])
    assert scores.reranked is None and scores.own_photograph is None
    low, high = 100 / 3, 100
    row = table_row("a | b", scores)
    assert row.startswith("| a \\| b | 70.8 [") and row.endswith("] | 50.0 | 100.0 | not run | not run | not run |")
    bounds = [float(v) for v in re.search(r"\[(.+), (.+)\]", row).groups()]
    assert low < bounds[0] < 70.8 < bounds[1] <= high
    assert row.replace("\\|", "").count("|") == HEADER.splitlines()[0].count("|")


def test_persons_of_the_own_photograph_are_ignored_and_then_counted(tmp_path: Path) -> None:
    """s0 and s1 share a photograph, s3 is a distractor and no query."""
    entry = read_submission(write(tmp_path / "theirs.npz", angles(0, 5, 30, 12)), SHARED)
    scores = score(entry, None)
    np.testing.assert_allclose(scores.plain.per_query, [1 / 2, 1 / 2, 7 / 12, np.nan])
    np.testing.assert_allclose(scores.own_photograph.per_query, [5 / 6, 5 / 6, 7 / 12, np.nan])
    text = describe(SHARED, scores, None)
    assert "tiny, protocol version 1: 3 queries in a gallery of 4. Re-ranking: not run." in text
    assert "photograph counted: mAP, Rank-1, Rank-5 = 75.0, 66.7, 100.0." in text


@pytest.mark.parametrize("how", [Reranking(3, 2), Reranking(2, 1, 0.6, "single")])
def test_reranked_scores_are_those_of_the_reranked_distances(tmp_path: Path, how: Reranking) -> None:
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 2, 30)
    entry = protocol([(int(label),) for label in labels])
    features = rng.standard_normal((30, 3)).astype(np.float32) + labels[:, None]
    scores = score(read_submission(write(tmp_path / "theirs.npz", features, entry.ids), entry), how)
    distances = k_reciprocal_rerank(features, k1=how.k1, k2=how.k2, lambda_=how.lambda_, variant=how.variant)
    np.fill_diagonal(distances, np.inf)
    hits = (labels[np.argsort(distances, axis=1, kind="stable")] == labels[:, None])[:, :-1]
    ap = [np.mean([row[: i + 1].mean() for i in np.flatnonzero(row)]) for row in hits]
    np.testing.assert_allclose(scores.reranked.per_query, ap)
    assert str(how) in describe(entry, scores, how)
    assert str(Reranking()) == "concatenated, k1 = 200, k2 = 20, lambda = 0.3"


def test_the_difference_is_theirs_less_the_recorded_in_points(tmp_path: Path) -> None:
    """From 17/24 up to 1, query by query; with four queries no test can be sure of it."""
    worse, better = (
        score(read_submission(write(tmp_path / "x.npz", angles(*at)), SINGLE), Reranking(3, 2))
        for at in ((0, 10, 15, 40), (0, 10, 70, 80))
    )
    plain, reranked = compare(better, worse)
    difference, low, high, p = (float(v) for v in re.findall(r"[+-]?\d+\.\d+", plain))
    assert plain.startswith("mAP +29.17 [") and reranked.startswith("re-ranked mAP ")
    assert 0 <= low < difference < high and 0.3 < p <= 1
    assert compare(worse, better)[0].startswith("mAP -29.17 [")
    assert len(compare(better, replace(worse, reranked=None))) == 1


def test_bad_files_are_named_with_what_to_do(tmp_path: Path) -> None:
    good = write(tmp_path / "good.npz", angles(0, 10, 15, 40)).read_bytes()
    (tmp_path / "cut.npz").write_bytes(good[: len(good) // 2])
    np.savez(tmp_path / "no_ids.npz", features=np.ones((4, 2)))
    np.savez(tmp_path / "objects.npz", features=np.ones((4, 2)), ids=np.array(SINGLE.ids, dtype=object))
    np.save(tmp_path / "array.npy", np.ones((4, 2)))
    for name in ("cut.npz", "no_ids.npz", "objects.npz", "array.npy", "absent.npz"):
        with pytest.raises(EmbeddingError, match=rf"{name}: no .npz with features and ids .*; write it by np.savez"):
            read_submission(tmp_path / name, SINGLE)
    write(tmp_path / "bytes.npz", angles(0, 10, 15, 40), [b"s0", b"s1", b"s2", b"\xff"])
    with pytest.raises(EmbeddingError, match="bytes.npz: ids: cannot be an array .'ascii' codec"):
        read_submission(tmp_path / "bytes.npz", SINGLE)
    write(tmp_path / "zero.npz", np.zeros((4, 2)))
    with pytest.raises(EmbeddingError, match="zero.npz: features are all zero .*: 4, first 's0', 's1', 's2'"):
        read_submission(tmp_path / "zero.npz", SINGLE)


def test_a_recorded_run_gives_its_recorded_numbers() -> None:
    stanford40 = load_protocol("stanford40")
    entry = read_run(RUN, stanford40)
    scores, recorded = score(entry, None), json.loads(RUN.read_text())["metrics"]
    assert scores.plain.as_percent() == pytest.approx({k: recorded[k] for k in ("mAP", "rank1", "rank5")}, abs=0.01)
    low, high = recorded["mAP_ci95"]
    assert f"| {recorded['mAP']:.1f} [{low:.1f}, {high:.1f}] | {recorded['rank1']:.1f} |" in table_row("run", scores)
    (same,) = compare(scores, scores)
    assert same == "mAP +0.00 [+0.00, +0.00], p = 1.0000"


def test_a_run_on_other_data_or_without_its_embeddings_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="region_net-cpu-seed0.json: a run on stanford40; name one on voc2012"):
        read_run(RUN, load_protocol("voc2012"))
    lonely = tmp_path / RUN.name
    lonely.write_bytes(RUN.read_bytes())
    with pytest.raises(EmbeddingError, match="embeddings/region_net-cpu-seed0.npz: no .npz"):
        read_run(lonely, load_protocol("stanford40"))
