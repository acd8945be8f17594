import hashlib
import json
import os
from pathlib import Path

import numpy as np
import pytest

from actret_core.errors import EmbeddingError
from actret_core.files import file_sha256
from actret_core.retrieval.index.index_files import Sidecar, read_index, write_index
from actret_core.retrieval.index.index_kinds import IndexConfig, make_index, stored_vectors

SIDECAR = Sidecar(IndexConfig("hnsw", links=8), "weights-1", [f"s{i}" for i in range(20)], [3, 5])


@pytest.fixture
def path(tmp_path):
    vectors = np.random.default_rng(0).standard_normal((20, 4)).astype(np.float32)
    write_index(tmp_path / "new" / "test.faiss", make_index(SIDECAR.config, vectors), SIDECAR)
    return tmp_path / "new" / "test.faiss"


@pytest.mark.parametrize("mapped", [False, True])
def test_everything_comes_back(path, mapped):
    index, sidecar = read_index(path, mapped)
    assert sidecar == SIDECAR and (index.ntotal, index.d) == (20, 4)
    assert sorted(p.name for p in path.parent.iterdir()) == ["test.faiss", "test.faiss.json"]


def test_a_failed_write_leaves_the_older_index_whole(path):
    whole = path.read_bytes()
    with pytest.raises(TypeError):
        write_index(path, "no index", SIDECAR)
    assert path.read_bytes() == whole and read_index(path, False)[1] == SIDECAR
    assert len(list(path.parent.iterdir())) == 2


@pytest.mark.parametrize("mapped", [False, True])
@pytest.mark.parametrize("name", ["test.faiss", "test.faiss.json"])
@pytest.mark.parametrize("keep", [0, 0.5, 0.99])
def test_a_cut_file_is_refused(path, name, keep, mapped):
    cut = path.parent / name
    whole = cut.read_bytes()
    cut.write_bytes(whole[: int(len(whole) * keep)])
    with pytest.raises(EmbeddingError, match=name):
        read_index(path, mapped)


@pytest.mark.parametrize("name", ["test.faiss", "test.faiss.json"])
def test_a_missing_file_is_refused(path, name):
    (path.parent / name).unlink()
    with pytest.raises(EmbeddingError, match=name):
        read_index(path, False)


def test_a_damaged_file_of_the_right_size_is_refused(path):
    whole = path.read_bytes()
    path.write_bytes(whole[:-8] + b"\0" * 8)
    with pytest.raises(EmbeddingError, match="cut short, or not the file"):
        read_index(path, False)
    path.write_bytes(b"\0" * len(whole))
    with pytest.raises(EmbeddingError, match="FAISS cannot read it"):
        read_index(path, mapped=True)


@pytest.mark.parametrize("change", [{"config": {"kind": "lsh"}}, {"config": {"colour": 1}}, {"config": None}])
def test_a_sidecar_of_something_else_is_refused(path, change):
    sidecar = path.with_name("test.faiss.json")
    sidecar.write_text(json.dumps(json.loads(sidecar.read_text()) | change))
    with pytest.raises(EmbeddingError, match="test.faiss.json"):
        read_index(path, False)


def test_the_fingerprint_of_a_file_is_its_sha256(tmp_path):
    (tmp_path / "weights").write_bytes(b"abc" * 100_000)
    assert file_sha256(tmp_path / "weights") == hashlib.sha256(b"abc" * 100_000).hexdigest()


OTHER = Sidecar(IndexConfig("hnsw", links=8), "weights-2", [f"t{i}" for i in range(20)], [])


class Killed(BaseException):
    """As if the process ended here: nothing is cleaned up that a killed process would leave."""


def save_until(monkeypatch, path, moves):
    """Save an index of the same size over the one at `path`, and end after so many replacements of files."""
    vectors, done, replace = np.random.default_rng(1).standard_normal((20, 4)).astype(np.float32), [], os.replace

    def counted(*names):
        if len(done) == moves:
            raise Killed
        done.append(names)
        replace(*names)

    monkeypatch.setattr(os, "replace", counted)
    with pytest.raises(Killed):
        write_index(path, make_index(OTHER.config, vectors), OTHER)
    monkeypatch.setattr(os, "replace", replace)
    return vectors


@pytest.mark.parametrize("mapped", [False, True])
@pytest.mark.parametrize("moves", [0, 1, 2])
def test_a_kill_while_saving_leaves_the_old_pair_or_the_new(path, moves, mapped, monkeypatch):
    old = read_index(path, False)[0].reconstruct_n(0, 20)
    new = save_until(monkeypatch, path, moves)
    index, sidecar = read_index(path, mapped)
    assert sidecar == (OTHER if moves == 2 else SIDECAR)
    np.testing.assert_array_equal(stored_vectors(index).reconstruct_n(0, 20), new if moves == 2 else old)
    write_index(path, index, sidecar)
    assert sorted(p.name for p in path.parent.iterdir()) == ["test.faiss", "test.faiss.json"]
    assert read_index(path, mapped)[1] == sidecar


def test_a_disk_that_is_full_at_the_end_leaves_the_old_pair(path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="No space left"):
        write_index(path, read_index(path, False)[0], OTHER)
    assert read_index(path, False)[1] == SIDECAR and len(list(path.parent.iterdir())) == 2
