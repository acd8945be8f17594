"""Run each measurement in its own process, so that its peak memory is its own."""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.suite import Case
from benchmarks.suites import SUITES


def measure(suite: str, contender: str, case: Case, sample: Path) -> dict[str, Any]:
    """Run a contender on the data in the folder `sample`, in a child process.

    Returns its measured numbers, those of `quality`, `start_mb` (memory before the work, the data included) and
    `peak_mb`; or a `note` that says why there are none.
    """
    task = json.dumps([suite, contender, case.n, case.dim, dict(case.settings), str(sample)])
    command = [sys.executable, "-m", "benchmarks.process", task]
    path = os.pathsep.join(filter(None, sys.path))                    # the child measures this package, not another one
    environment = os.environ | {"PYTHONPATH": path}
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, env=environment)
    if done.returncode:
        return {"note": f"failed with status {done.returncode}" + (", out of memory?" * (done.returncode == -9))}
    return json.loads(done.stdout.splitlines()[-1])


def run_task(task: str) -> dict[str, Any]:
    """Run a task, as `measure` writes it, in this process; returns what `measure` returns."""
    suite, contender, n, dim, settings, folder = json.loads(task)
    case, sample = Case(n, dim, settings), SUITES[suite].material.read(Path(folder))
    start = peak_mb()
    measured, answer = SUITES[suite].contenders[contender].run(sample, case)
    memory = {"start_mb": start, "peak_mb": peak_mb()}                # before the quality is computed
    return {**measured, **memory, **SUITES[suite].quality(sample, case, answer)}


def peak_mb() -> float:
    """The most memory that this process has held so far, in MB.

    Linux's ru_maxrss counts what the parent held when it started us; VmHWM does not.
    """
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024
    except (OSError, StopIteration):
        unit = 2**20 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


if __name__ == "__main__":
    print(json.dumps(run_task(sys.argv[1])))
