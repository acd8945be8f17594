"""The parts of a benchmark: sizes, what it runs on, and the programs that run on it."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import sample


@dataclass(frozen=True)
class Case:
    """One size, `n` and `dim`: of most suites n vectors of dim dimensions; and the suite's own settings."""

    n: int
    dim: int
    settings: Mapping[str, Any] = field(default_factory=dict)


Measured = Mapping[str, float]
"""What was measured, by name: `seconds`, `ms_per_query`, ..."""


def _never(case: Case) -> str:
    return ""


@dataclass(frozen=True)
class Contender:
    """A program under the same task as the others.

    `run` returns what it measured itself and its answer. `package` is the distribution that it needs, if it is no
    dependency of ours. `refuses` says why a case is not for it ("": it is).
    """

    run: Callable[[Any, Case], tuple[Measured, Any]]
    package: str | None = None
    refuses: Callable[[Case], str] = _never


@dataclass(frozen=True)
class Material:
    """What a suite runs on: as a rule, vectors around the recorded embeddings.

    describe: what the record says of it, by the file of embeddings; draw: write n and dim of it, once, into a folder
    below a folder, which is returned; read: what was written, in the program's process.
    """

    describe: Callable[[Path], dict[str, Any]] = sample.describe
    draw: Callable[[Path, Path, int, int], Path] = sample.draw
    read: Callable[[Path], Any] = sample.read_sample


@dataclass(frozen=True)
class Suite:
    """A table: every contender on every case. The first contender is ours: the others are set in ratio to it.

    `quality` scores a contender's answer, so that speed is never compared between different results. `cost` names
    the measured time that the ratio is of; `axes`, what a case's n and dim are called; `code`, what is measured.
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
    """What tells one row of a suite from the others."""
    return {"contender": contender} | asdict(case)
