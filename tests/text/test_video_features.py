import os
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from actret_core.errors import DataError
from actret_core.text.features import STREAMS, convert_pickle, read_captioned, read_video_features


@pytest.fixture
def streams() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {name: rng.normal(size=(4, 25, 1024)).astype(np.float32) for name in STREAMS}


def test_npz_of_the_official_layout(tmp_path: Path, streams: dict[str, np.ndarray]) -> None:
    np.savez(tmp_path / "test.npz", **streams)
    found = read_video_features(tmp_path / "test.npz", clips=4)
    assert found.shape == (4, 3072) and found.dtype == np.float32
    np.testing.assert_allclose(found[2, 1024:2048], streams["Flow"][2].mean(0), rtol=1e-4, atol=1e-6)


def test_a_pickle_is_refused_unless_allowed(tmp_path: Path, streams: dict[str, np.ndarray]) -> None:
    path = tmp_path / "test.pkl"
    for protocol in (2, 4, 5):
        path.write_bytes(pickle.dumps(streams, protocol=protocol))
        with pytest.raises(DataError, match="a pickle can run any code.*allow_pickle=True.*convert_pickle"):
            read_video_features(path)
        np.savez(tmp_path / "test.npz", **streams)
        np.testing.assert_array_equal(
            read_video_features(path, allow_pickle=True), read_video_features(tmp_path / "test.npz")
        )


def test_a_pickle_is_converted_once(tmp_path: Path, streams: dict[str, np.ndarray]) -> None:
    (tmp_path / "test.pkl").write_bytes(pickle.dumps(streams))
    convert_pickle(tmp_path / "test.pkl", tmp_path / "test.npz")
    direct = read_video_features(tmp_path / "test.pkl", 4, allow_pickle=True)
    np.testing.assert_array_equal(read_video_features(tmp_path / "test.npz", 4), direct)
    with np.load(tmp_path / "test.npz") as file:
        assert file["RGB"].shape == (4, 1024), "the means alone are kept"


class _Harmful:
    def __reduce__(self) -> tuple[Callable, tuple]:
        return os.system, ("echo harm > harm.txt",)


def test_even_an_allowed_pickle_runs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "test.pkl").write_bytes(pickle.dumps({"RGB": _Harmful()}))
    with pytest.raises(DataError, match="not a pickle of arrays .it wants to run (posix|nt).system"):
        read_video_features(tmp_path / "test.pkl", allow_pickle=True)
    assert not (tmp_path / "harm.txt").exists()


def test_damaged_or_foreign_pickles(tmp_path: Path) -> None:
    no_dict = pickle.dumps([1])
    for content, message in ((b"no pickle", "not a pickle of arrays"), (no_dict, "holds a list, expected a dict")):
        (tmp_path / "test.pkl").write_bytes(content)
        with pytest.raises(DataError, match=message):
            read_video_features(tmp_path / "test.pkl", allow_pickle=True)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"Audio": None}, "lacks 'Audio'; the official layout is RGB, Flow, Audio"),
        ({"Flow": np.zeros((4, 24, 1024))}, r"Flow is \(4, 24, 1024\), expected \[n, 25, 1024\]"),
        ({"Flow": np.zeros((3, 25, 1024))}, r"have \[4, 3, 4\] clips"),
        ({"RGB": np.full((4, 25, 1024), np.nan)}, "RGB is float32 .* finite numbers"),
    ],
)
def test_other_layouts(tmp_path: Path, streams: dict[str, np.ndarray], change: dict, message: str) -> None:
    np.savez(tmp_path / "test.npz", **{k: v for k, v in (streams | change).items() if v is not None})
    with pytest.raises(DataError, match=message):
        read_video_features(tmp_path / "test.npz")


def test_another_length(tmp_path: Path, streams: dict[str, np.ndarray]) -> None:
    np.savez(tmp_path / "test.npz", **streams)
    with pytest.raises(DataError, match="RGB has 4 clips, the captions 9668; name the files of one split"):
        read_video_features(tmp_path / "test.npz", clips=9668)


def test_absent_or_damaged_npz(tmp_path: Path) -> None:
    (tmp_path / "cut.npz").write_bytes(b"PK\x03\x04")
    np.save(tmp_path / "one.npy", np.zeros(3))
    np.savez(tmp_path / "objects.npz", RGB=np.array([{}], object))
    for name in ("none.npz", "cut.npz", "one.npy"):
        with pytest.raises(DataError, match=f"{name}: not a readable .npz of features"):
            read_video_features(tmp_path / name)
    with pytest.raises(DataError, match="objects.npz"):
        read_video_features(tmp_path / "objects.npz")


CAPTIONED = {
    "features": np.arange(6.0).reshape(2, 3), "ids": np.array(["v1", "v2"]),
    "captions": np.array(["a man cooks", "a dog runs", "a man is cooking"]),
    "caption_ids": np.array(["v2", "v1", "v2"]),
}


def test_captioned(tmp_path: Path) -> None:
    np.savez(tmp_path / "msrvtt.npz", **CAPTIONED)
    found = read_captioned(tmp_path / "msrvtt.npz")
    assert found.visual.tolist() == [1, 0, 1] and found.captions[1] == "a dog runs"
    assert found.features.dtype == np.float32 and found.ids.tolist() == ["v1", "v2"]


@pytest.mark.parametrize(
    "change, message",
    [
        ({"captions": None}, "lacks the array 'captions'"),
        ({"ids": np.array(["v1"])}, "ids has 1 entries, expected 2"),
        ({"caption_ids": np.array(["v1"])}, "caption_ids has 1 entries, expected 3"),
        ({"caption_ids": np.array(["v2", "v1", "v9"])}, "caption of 'v9', which has no features"),
        ({"ids": np.array(["v2", "v2"]), "caption_ids": np.array(["v2"] * 3)}, "ids repeat"),
        ({"features": np.array([[1, 2], [3, 4]])}, "features is int64"),
    ],
)
def test_captioned_that_does_not_fit(tmp_path: Path, change: dict, message: str) -> None:
    np.savez(tmp_path / "msrvtt.npz", **{k: v for k, v in (CAPTIONED | change).items() if v is not None})
    with pytest.raises(DataError, match=message):
        read_captioned(tmp_path / "msrvtt.npz")
