"""A store is written once, whole or not at all; an interrupted one goes on, and what is not ours is refused."""

import json
import pickle
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

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


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sub" / "five.pairs"


def write(path: Path, source: Source | None = None, info: PairInfo = INFO) -> Store:
    return write_store(path, info, source or Source(), progress=False)


def test_it_holds_the_rows_and_says_what_they_are(path: Path) -> None:
    store = write(path)
    np.testing.assert_array_equal(store.values, VALUES)
    assert store.info == INFO and store.values.dtype == np.uint16 and path.read_bytes() == VALUES.tobytes()
    assert sorted(p.name for p in path.parent.iterdir()) == ["five.pairs", "five.pairs.json", "five.pairs.lock"]
    said = json.loads(sidecar(path).read_text())
    assert said["names"] == list("abcde") and said["sha256"] == file_sha256(path) and said["dataset"] == "drawings"


def test_a_finished_store_is_not_made_again(path: Path) -> None:
    write(path)
    again = write(path, Source(fail_at=0))
    np.testing.assert_array_equal(again.values, VALUES)


@pytest.mark.parametrize(("cut", "begins"), [(0, 4), (1, 3), (4, 3), (5, 2)])
def test_an_interrupted_store_goes_on(path: Path, cut: int, begins: int) -> None:
    """Also where a row of four bytes was cut in the middle: it is made again, and the whole ones are not."""
    with pytest.raises(RuntimeError, match="the power is gone"):
        write(path, Source(fail_at=4))
    part, source = Path(f"{path}.part"), Source()
    assert part.stat().st_size == 4 * 4 and not path.exists()
    with pytest.raises(DataError, match="five.pairs.json: not a readable description of pairs"):
        Store(path, PairInfo)
    part.write_bytes(part.read_bytes()[: 16 - cut])
    np.testing.assert_array_equal(write(path, source).values, VALUES)
    assert source.made[0] == begins and not part.exists()


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


@pytest.mark.parametrize("change", [-1, -4, 1])
def test_a_file_of_another_length_is_refused(path: Path, change: int) -> None:
    write(path)
    content = path.read_bytes()
    path.write_bytes(content[:change] if change < 0 else content + b"0")
    with pytest.raises(DataError, match=f"five.pairs: {20 + change} bytes, expected 20; delete it and write the pairs"):
        Store(path, PairInfo)


def test_a_changed_byte_is_found(path: Path) -> None:
    write(path)
    path.write_bytes(path.read_bytes()[:-1] + b"7")
    with pytest.raises(DataError, match="five.pairs: not what was written, its SHA-256 is another; delete it"):
        Store(path, PairInfo)
    assert Store(path, PairInfo, verify=False).values.shape == (5, 2)


def test_an_absent_file(path: Path) -> None:
    write(path)
    path.unlink()
    with pytest.raises(DataError, match="five.pairs: 0 bytes, expected 20"):
        Store(path, PairInfo)


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"dataset": "drawings"}', '{"image": 3}', '{"sha256": ""}'])
def test_a_damaged_description_is_named(path: Path, text: str) -> None:
    write(path)
    sidecar(path).write_text(text)
    with pytest.raises(DataError, match="five.pairs.json: not a readable description of pairs"):
        Store(path, PairInfo)


def test_too_few_rows_are_no_store(path: Path) -> None:
    with pytest.raises(DataError, match="16 bytes, expected 20"):
        write(path, Source(count=4))


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
