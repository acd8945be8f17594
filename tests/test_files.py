import subprocess
import sys
from pathlib import Path

from actret_core.files import lock

HOLD = """
import sys, time
from actret_core.files import lock
with lock(sys.argv[1]):
    print("held", flush=True)
    time.sleep(60)
"""


def test_one_at_a_time_holds_it(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "run.lock"
    with lock(path, wait=False) as first:
        assert first
        with lock(path, wait=False) as second:
            assert not second
        with lock(tmp_path / "other.lock", wait=False) as other:
            assert other
    with lock(path, wait=False) as again:
        assert again


def test_the_end_of_a_process_releases_it(tmp_path: Path) -> None:
    path = tmp_path / "run.lock"
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline() == "held\n"
    with lock(path, wait=False) as held:
        assert not held
    holder.kill(), holder.wait(), holder.stdout.close()
    with lock(path) as held:
        assert held
