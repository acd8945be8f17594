"""A store is written once, completely or not at all; an interrupted one is continued; other files are refused."""

import json
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from actret_core.data.store import Store, StoreInfo, sidecar, write_store
from actret_core.files import file_sha256
from actret_core.errors import DataError


@dataclass(frozen=True)
class PairInfo(StoreInfo):
    """Rows of two numbers."""

    ROWS = "pairs"
    DTYPE = np.uint16

    weights: str

    @property
    def row(self) -> tuple[int, ...]:
        return (2,)


INFO = PairInfo("drawings", tuple("abcde"), 32, "0" * 64)
VALUES = np.arange(10, dtype=np.uint16).reshape(5, 2)


class Source:
    """Rows two by two; the power fails before the row number `fail_at`."""

    def __init__(self, fail_at: int = 99, count: int = 5) -> None:
        self.fail_at, self.count, self.made = fail_at, count, []

    def __call__(self, done: int) -> Iterator[np.ndarray]:
        for start in range(done, self.count, 2):
            if start >= self.fail_at:
                raise RuntimeError("the power is gone")
            self.made.append(start)
            yield VALUES[start : min(start + 2, self.count)]


KILLED = """
import sys, time
import numpy as np
from test_store import INFO, VALUES, write_store

def rows(done):
    yield VALUES[:2]
    yield VALUES[2:4]
    print("two batches", flush=True)
    time.sleep(60)

write_store(sys.argv[1], INFO, rows, progress=False)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sub" / "five.pairs"


def write(path: Path, source: Source | None = None, info: PairInfo = INFO) -> Store:
    return write_store(path, info, source or Source(), progress=False)


def test_it_holds_the_rows_and_says_what_they_are(path: Path) -> None:
    store = write(path)
    np.testing.assert_array_equal(store.values, VALUES)
    assert store.info == INFO and store.values.dtype == np.uint16 and path.read_bytes().endswith(VALUES.tobytes())
    np.testing.assert_array_equal(np.load(path, mmap_mode=None), VALUES)
    assert sorted(p.name for p in path.parent.iterdir()) == ["five.pairs", "five.pairs.json", "five.pairs.lock"]
    said = json.loads(sidecar(path).read_text())
    assert said["names"] == list("abcde") and said["sha256"] == file_sha256(path) and said["dataset"] == "drawings"


def test_a_finished_store_is_not_made_again(path: Path) -> None:
    write(path)
    again = write(path, Source(fail_at=0))
    np.testing.assert_array_equal(again.values, VALUES)


def interrupt(path: Path) -> Path:
    """Stop after four of five rows; returns the unfinished file."""
    with pytest.raises(RuntimeError, match="the power is gone"):
        write(path, Source(fail_at=4))
    return Path(f"{path}.part")


def test_an_interrupted_store_is_continued_after_its_last_complete_batch(path: Path) -> None:
    part, source = interrupt(path), Source()
    assert json.loads(sidecar(part).read_text())["rows"] == 4 and not path.exists()
    with pytest.raises(DataError, match="five.pairs.json: not a readable description of pairs"):
        Store(path, PairInfo)
    np.testing.assert_array_equal(write(path, source).values, VALUES)
    assert source.made == [4] and not part.exists()


def test_rows_that_were_not_counted_are_written_again(path: Path) -> None:
    """The process was killed while it wrote the last batch: the row is there, cut in the middle."""
    part = interrupt(path)
    part.write_bytes(part.read_bytes()[:-3] + b"xyz")
    np.testing.assert_array_equal(write(path).values, VALUES)


@pytest.mark.parametrize("keep", [0, 30, -1, None])
def test_an_unfinished_file_that_is_cut_or_gone_is_begun_again(path: Path, keep: int | None) -> None:
    part, source = interrupt(path), Source()
    part.write_bytes(part.read_bytes()[:keep]) if keep is not None else part.unlink()
    np.testing.assert_array_equal(write(path, source).values, VALUES)
    assert source.made == [0, 2, 4]


def test_a_killed_process_loses_no_counted_row(path: Path) -> None:
    """Killed at once, without any clean-up, after its second batch."""
    command = [sys.executable, "-c", KILLED, str(path)]
    writer = subprocess.Popen(command, cwd=Path(__file__).parent, stdout=subprocess.PIPE, text=True)
    assert writer.stdout.readline() == "two batches\n"
    writer.kill(), writer.wait(), writer.stdout.close()
    source = Source()
    np.testing.assert_array_equal(write(path, source).values, VALUES)
    assert source.made == [4]


def test_a_full_disk_is_named_before_any_work(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=19))
    source = Source()
    with pytest.raises(DataError, match="five.pairs.part: pairs take 20 bytes, 19 are free on this disk; make room"):
        write(path, source)
    assert not source.made


@pytest.mark.parametrize("step", ["before the rows have their name", "before the description has its name"])
def test_an_interruption_in_the_last_steps(path: Path, step: str) -> None:
    write(path)
    part = Path(f"{path}.part")
    sidecar(path).rename(sidecar(part))
    if step.startswith("before the rows"):
        path.rename(part)
    source = Source(fail_at=0, count=0)
    np.testing.assert_array_equal(write(path, source).values, VALUES)
    assert not part.exists() and not sidecar(part).exists()


OTHERS = {
    "dataset": ({"dataset": "photos"}, "dataset 'drawings' (wanted 'photos')"),
    "names": ({"names": ("a", "b")}, "5 pictures (wanted 2) or others"),
    "image size": ({"image_size": 64}, "image_size 32 (wanted 64)"),
    "weights": ({"weights": "1" * 64}, "weights 00000000... (wanted 11111111...)"),
}


@pytest.mark.parametrize("finished", [True, False])
@pytest.mark.parametrize("other", OTHERS)
def test_a_store_of_another_kind_is_refused(path: Path, other: str, finished: bool) -> None:
    write(path)
    if not finished:
        for suffix in ("", ".json"):
            Path(f"{path}{suffix}").rename(f"{path}.part{suffix}")
    change, message = OTHERS[other]
    with pytest.raises(DataError) as error:
        write(path, info=replace(INFO, **change))
    assert f"pairs of another kind: {message}; name another file or delete it" in str(error.value)


def test_a_stranger_s_file_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "photo.pairs").write_bytes(b"mine")
    with pytest.raises(DataError, match="photo.pairs: a file without its description photo.pairs.json; delete it"):
        write(tmp_path / "photo.pairs")
    assert (tmp_path / "photo.pairs").read_bytes() == b"mine"


@pytest.mark.parametrize("keep", [0, 20, 100, -4, -1])
def test_a_cut_file_is_refused(path: Path, keep: int) -> None:
    write(path)
    path.write_bytes(path.read_bytes()[:keep])
    for verify in (True, False):
        with pytest.raises(DataError, match="five.pairs: not a complete .npy file .*; delete it and write the pairs"):
            Store(path, PairInfo, verify)


@pytest.mark.parametrize("other", [VALUES[:4], VALUES.astype(np.uint8), VALUES.T])
def test_an_array_of_another_shape_or_type_is_refused(path: Path, other: np.ndarray) -> None:
    write(path)
    with open(path, "wb") as file:
        np.save(file, other)
    with pytest.raises(DataError, match=r"five.pairs: .*, expected uint16 \(5, 2\); delete it and write the pairs"):
        Store(path, PairInfo)


@pytest.mark.parametrize("change", [lambda content: content[:-1] + b"7", lambda content: content + b"0"])
def test_changed_bytes_are_found(path: Path, change: Callable[[bytes], bytes]) -> None:
    write(path)
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(DataError, match="five.pairs: changed since it was written; delete it and write the pairs"):
        Store(path, PairInfo)
    assert Store(path, PairInfo, verify=False).values.shape == (5, 2)


def test_an_absent_file(path: Path) -> None:
    write(path)
    path.unlink()
    with pytest.raises(DataError, match="five.pairs: not a complete .npy file .*No such file"):
        Store(path, PairInfo)


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"dataset": "drawings"}', '{"image": 3}', '{"sha256": ""}'])
def test_a_damaged_description_is_named(path: Path, text: str) -> None:
    write(path)
    sidecar(path).write_text(text)
    with pytest.raises(DataError, match="five.pairs.json: not a readable description of pairs"):
        Store(path, PairInfo)


def test_too_few_rows_are_no_store(path: Path) -> None:
    with pytest.raises(DataError, match="five.pairs.part: 4 rows, expected 5"):
        write(path, Source(count=4))
    assert not path.exists()


def test_rows_are_found_by_name(path: Path) -> None:
    store = write(path)
    assert store.rows("drawings", ["d", "a", "d"]) == [3, 0, 3]
    with pytest.raises(DataError, match="five.pairs: lacks the pairs of x and 1 more; write them"):
        store.rows("drawings", ["a", "x", "y"])
    with pytest.raises(DataError, match="pairs of drawings, asked for those of photos; write them"):
        store.rows("photos", ["a"])


def test_a_loading_process_opens_the_file_itself(path: Path) -> None:
    store = write(path)
    sent = pickle.dumps(store)
    assert len(sent) < 1000
    np.testing.assert_array_equal(pickle.loads(sent).values, VALUES)


def test_a_store_cannot_be_written_to(path: Path) -> None:
    with pytest.raises(ValueError, match="read-only"):
        write(path).values[0] = 1
