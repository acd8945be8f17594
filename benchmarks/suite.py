"""The parts of a benchmark: its cases, its data, and the programs that it compares."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import sample


@dataclass(frozen=True)
class Case:
    """One size, and settings of the suite. In most suites, the size is `n` vectors of `dim` dimensions."""

    n: int
    dim: int
    settings: Mapping[str, Any] = field(default_factory=dict)


Measured = Mapping[str, float]
"""Measured numbers by name: `seconds`, `ms_per_query`, ..."""


def _never(case: Case) -> str:
    return ""


@dataclass(frozen=True)
class Contender:
    """A program that a suite compares with others on the same task.

    `run` takes the data and a case, and returns the measured numbers and the answer. `package` is the distribution that
    it needs, if it is no dependency of ours. `refuses` says why it cannot run a case ("": it can).
    """

    run: Callable[[Any, Case], tuple[Measured, Any]]
    package: str | None = None
    refuses: Callable[[Case], str] = _never


@dataclass(frozen=True)
class Material:
    """The data of a suite: by default, vectors around the recorded embeddings.

    describe: the record's entry `data`, from the file of embeddings; draw: from that file, a working folder, n and dim,
    write the data once and return its folder; read: the data of such a folder, in the program's own process.
    """

    describe: Callable[[Path], dict[str, Any]] = sample.describe
    draw: Callable[[Path, Path, int, int], Path] = sample.draw
    read: Callable[[Path], Any] = sample.read_sample


@dataclass(frozen=True)
class Suite:
    """A table: every contender on every case. The first contender is ours: the others are set in ratio to it.

    `quality` scores a contender's answer, so that speed is never compared between different results. `cost` names the
    measured time that the ratio compares; `axes` are the names of a case's n and dim in the table; `code` are the
    folders of the code that is measured.
    """

    cases: tuple[Case, ...]
    quick: tuple[Case, ...]
    contenders: Mapping[str, Contender]
    quality: Callable[[Any, Case, Any], Measured]
    cost: str = "seconds"
    material: Material = Material()
    axes: tuple[str, str] = ("N", "D")
    code: tuple[str, ...] = ("actret_core/retrieval", "benchmarks")


def row_of(contender: str, case: Case) -> dict[str, Any]:
    """The keys that identify a row of a suite."""
    return {"contender": contender} | asdict(case)
