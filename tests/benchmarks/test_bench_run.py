"""A suite writes row by row and resumes where it stopped. A list of answers stands in for the child processes."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import run
from benchmarks.suite import Case, Contender, Suite
from benchmarks.table import table
from actret_core.experiments.record import provenance


class Children:
    """Stands in for `measure`: takes notes of what is asked, and may be interrupted."""

    def __init__(self) -> None:
        self.asked, self.stop_at = [], None

    def __call__(self, suite: str, contender: str, case: Case, sample: Path) -> dict[str, float]:
        if len(self.asked) == self.stop_at:
            raise KeyboardInterrupt
        assert (sample / "queries.npy").exists()
        self.asked.append((contender, case.n))
        return {"note": "failed"} if contender == "weak" else {"seconds": case.n / len(contender), "mAP": 50.0}


@pytest.fixture
def children(monkeypatch: pytest.MonkeyPatch) -> Children:
    """A suite of two sizes and four programs: one fails, one is not installed."""
    nothing = Contender(run=lambda sample, case: ({}, None))
    contenders = {
        "ours": nothing,
        "weak": nothing,
        "slowly": replace(nothing, refuses=lambda case: "too large" if case.n > 50 else ""),
        "absent": replace(nothing, package="no-such-distribution"),
    }
    suite = Suite((Case(40, 8, {"k1": 3}), Case(60, 8, {"k1": 3})), (Case(10, 8),), contenders, lambda *_: {})
    children = Children()
    monkeypatch.setitem(run.SUITES, "rerank", suite)
    monkeypatch.setattr(run, "measure", children)
    return children


@pytest.fixture
def where(source_file: Path, tmp_path: Path) -> dict[str, Path]:
    return {"source": source_file, "out": tmp_path / "out", "work": tmp_path / "work"}


ALL = [("ours", 40), ("weak", 40), ("slowly", 40), ("ours", 60), ("weak", 60)]


def test_the_record_says_what_ran_where(children: Children, where: dict[str, Path]) -> None:
    record = run.run_suite("rerank", **where)
    assert children.asked == ALL
    assert json.loads((where["out"] / "rerank.json").read_text()) == record
    made = provenance()
    assert (record["commit"], record["device"]) == (made["commit"], made["device"])
    assert made["versions"].items() <= record["versions"].items()
    assert record["threads"] >= 1 and record["cpu"] and record["data"]["source"] == "source.npz"
    assert record["rows"][0] == {
        "contender": "ours", "n": 40, "dim": 8, "settings": {"k1": 3}, "seconds": 10.0, "mAP": 50.0
    }  # fmt: skip
    notes = {(row["contender"], row["n"]): row.get("note") for row in record["rows"]}
    assert len(notes) == len(record["rows"]) == 8
    assert notes["slowly", 60] == "not run: too large" and "not installed; pip install" in notes["absent", 40]


def test_interrupted_it_goes_on_and_tries_the_failed_again(children: Children, where: dict[str, Path]) -> None:
    children.stop_at = 3
    with pytest.raises(KeyboardInterrupt):
        run.run_suite("rerank", **where)
    assert len(json.loads((where["out"] / "rerank.json").read_text())["rows"]) == 4
    children.stop_at = None
    record = run.run_suite("rerank", **where)
    assert children.asked == [*ALL[:3], ("weak", 40), *ALL[3:]] and len(record["rows"]) == 8
    children.asked.clear()
    run.run_suite("rerank", **where)
    assert children.asked == [("weak", 40), ("weak", 60)]


@pytest.mark.parametrize("key", ["cpu", "threads", "device", "code", "versions", "data", "suite"])
def test_a_record_from_elsewhere_is_begun_anew(
    children: Children, where: dict[str, Path], key: str, capsys: pytest.CaptureFixture
) -> None:
    record = run.run_suite("rerank", **where)
    path = where["out"] / "rerank.json"
    path.write_text(json.dumps(record | {key: "another"}))
    children.asked.clear()
    assert run.run_suite("rerank", **where)[key] == record[key]
    assert children.asked == ALL and "all rows are measured again" in capsys.readouterr().out


def test_another_commit_of_the_same_code_goes_on(children: Children, where: dict[str, Path]) -> None:
    record = run.run_suite("rerank", **where)
    (where["out"] / "rerank.json").write_text(json.dumps(record | {"commit": "0000"}))
    children.asked.clear()
    assert run.run_suite("rerank", **where)["commit"] == "0000" and len(children.asked) == 2


@pytest.mark.parametrize("text", ["", "{", "[]", "{}"])
def test_a_damaged_record_is_begun_anew(children: Children, where: dict[str, Path], text: str) -> None:
    where["out"].mkdir()
    (where["out"] / "rerank.json").write_text(text)
    assert len(run.run_suite("rerank", **where)["rows"]) == 8


def test_quick_leaves_the_record_alone(children: Children, where: dict[str, Path]) -> None:
    record = run.run_suite("rerank", **where, quick=True)
    assert [path.name for path in where["out"].iterdir()] == ["rerank-quick.json"]
    assert {row["n"] for row in record["rows"]} == {10}


def test_the_table_sets_all_in_ratio_to_ours(children: Children, where: dict[str, Path]) -> None:
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in
             table(run.run_suite("rerank", **where)).splitlines()]  # fmt: skip
    assert lines[0] == ["N", "D", "settings", "program", "seconds", "mAP", "ratio"]
    assert {len(line) for line in lines} == {7} and len(lines) == 10
    rows = {(line[3], line[0]): line[4:] for line in lines[2:]}
    assert rows["ours", "40"] == ["10", "50", "1"]
    assert rows["slowly", "40"] == ["6.67", "50", "0.667"]
    assert rows["slowly", "60"] == ["not run: too large", "", ""]


def test_a_table_of_failures_alone_is_a_table(children: Children, where: dict[str, Path]) -> None:
    record = run.run_suite("rerank", **where)
    record["rows"] = [row for row in record["rows"] if "note" in row]
    lines = table(record).splitlines()
    assert "seconds" in lines[0] and "not run: too large" in lines[-2] and {line.count("|") for line in lines} == {7}
