"""Run a suite row by row. Each row is written at once, so that a later call resumes where this one stopped."""

import hashlib
import json
import os
import platform
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import faiss

from actret_core.errors import ConfigError
from actret_core.experiments.record import provenance
from actret_core.files import atomic_path
from benchmarks.process import measure
from benchmarks.public import version
from benchmarks.suite import Case, Contender, row_of
from benchmarks.suites import SUITES

Record = dict[str, Any]


def run_suite(name: str, source: Path, out: Path, work: Path, quick: bool = False) -> Record:
    """Measure every contender of a suite on every case; returns the record, kept in `out`/<name>[-quick].json.

    `source` is the embeddings file to draw around; samples are kept in `work`. Rows that are recorded already
    are skipped if code, versions and machine are the same; otherwise a new record is started.
    """
    suite, path = SUITES[name], out / f"{name}{'-quick' if quick else ''}.json"
    record = _begin(path, _header(name, source))
    draw = partial(suite.material.draw, source, work)
    for case in suite.quick if quick else suite.cases:
        for contender, program in suite.contenders.items():
            row = row_of(contender, case)
            if any(row.items() <= done.items() and "note" not in done for done in record["rows"]):
                continue
            size = f"{suite.axes[0]} = {case.n:,}, {suite.axes[1]} = {case.dim}"
            print(f"{name}: {contender}, {size} ...", flush=True)
            found = _measure(name, contender, program, case, draw)
            print(f"  {found.get('note') or ', '.join(f'{k} {v:.4g}' for k, v in found.items())}", flush=True)
            record["rows"] = [done for done in record["rows"] if not row.items() <= done.items()] + [row | found]
            _write(path, record)
    return record


def _measure(
    suite: str, name: str, contender: Contender, case: Case, draw: Callable[[int, int], Path]
) -> dict[str, Any]:
    if why := contender.refuses(case):
        return {"note": f"not run: {why}"}
    if contender.package and not version(contender.package):
        return {"note": f"not run: {contender.package} is not installed; pip install -c constraints.txt -e .[bench]"}
    return measure(suite, name, case, draw(case.n, case.dim))


def _header(name: str, source: Path) -> Record:
    made, packages = provenance(), {c.package for suite in SUITES.values() for c in suite.contenders.values()}
    made["versions"] |= {package: found for package in sorted(packages - {None}) if (found := version(package))}
    return made | {
        "suite": name,
        "data": SUITES[name].material.describe(source),
        "cpu": _cpu(),
        "threads": faiss.omp_get_max_threads(),
        "code": _code(SUITES[name].code),
    }


def _cpu() -> str:
    cpuinfo = Path("/proc/cpuinfo")                                   # Linux only; otherwise, Python's word for it
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.processor()}, {os.cpu_count()} cores"


def _code(folders: tuple[str, ...]) -> str:
    """A hash of the code that is measured. The commit would not do: it changes with every edit of the book."""
    root = Path(__file__).parents[1]
    sources = [path for folder in folders for path in sorted((root / folder).rglob("*.py"))]
    if not all(any((root / folder).rglob("*.py")) for folder in folders):
        raise ConfigError(f"{root}: no code in one of {', '.join(folders)}; run the benchmarks from a checkout")
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:16]


def _begin(path: Path, header: Record) -> Record:
    """The record at `path` if it was made with the same header (the commit aside), else a new one."""
    try:
        earlier = json.loads(path.read_text())
        if all(earlier[key] == value for key, value in header.items() if key != "commit") and "rows" in earlier:
            return earlier
        print(f"{path}: made on another machine or by other code; all rows are measured again", flush=True)
    except (OSError, ValueError, KeyError, TypeError):
        pass                                                          # absent or damaged: nothing to resume
    return header | {"rows": []}


def _write(path: Path, record: Record) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(record, indent=1) + "\n")
