"""Visual features from files: EPIC-Kitchens-100's official layout, and an .npz of features and captions."""

import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from actret_core.errors import DataError
from actret_core.files import UNREADABLE

STREAMS, SEGMENTS, CHANNELS = ("RGB", "Flow", "Audio"), 25, 1024
# what the pickle of a numpy array refers to, as (module, name): older and newer numpy
ARRAYS = {("numpy", "ndarray"), ("numpy", "dtype"), ("_codecs", "encode")} | {
    (f"numpy.{core}.{module}", name)
    for core in ("core", "_core")
    for module, name in (("multiarray", "_reconstruct"), ("multiarray", "scalar"), ("numeric", "_frombuffer"))
}


def read_video_features(path: str | Path, clips: int | None = None, allow_pickle: bool = False) -> np.ndarray:
    """The official features RGB, Flow and Audio, averaged over segments and concatenated: float32 [n, 3072].

    `path`: an `.npz` with three arrays [n, 25, 1024], or with their means [n, 1024]; or the official file. That is a
    pickle, which can run any code while it is read: it is refused unless `allow_pickle`, and then only arrays are
    accepted in it. `clips`: the expected number n. Raises DataError for a file that is missing, or of another layout
    or length.
    """
    path = Path(path)
    streams = _open_pickle(path, allow_pickle) if path.suffix in (".pkl", ".pickle") else _open_npz(path)
    pooled = [_pool(path, name, streams, clips) for name in STREAMS]
    if len({len(p) for p in pooled}) > 1:
        raise DataError(f"{path}: {', '.join(STREAMS)} have {[len(p) for p in pooled]} clips; fetch the file again")
    return np.concatenate(pooled, axis=1)


def convert_pickle(source: str | Path, target: str | Path) -> None:
    """Write the means of the official pickle, which the caller must trust, as an `.npz`: small, and safe to read.

    The pickle needs its own size of memory once (20 GB for the 67,217 clips of the training set), the means 0.8 GB.
    Raises DataError where it is not of the official layout.
    """
    streams = _open_pickle(Path(source), True)
    np.savez(target, **{name: _pool(Path(source), name, streams, None) for name in STREAMS})


@dataclass(frozen=True, eq=False)
class CaptionedFeatures:
    """Features of n visuals, and M captions of them.

    `features` float32 [n, D], `ids` str [n], `captions`, and `visual` int [M]: the row of the visual of each caption.
    """

    features: np.ndarray
    ids: np.ndarray
    captions: tuple[str, ...]
    visual: np.ndarray


def read_captioned(path: str | Path) -> CaptionedFeatures:
    """An `.npz` of any data set, such as MSR-VTT.

    It holds `features` [n, D], `ids` [n], `captions` [M] and `caption_ids` [M], the id of each caption's visual. Raises
    DataError where these are missing or do not fit together.
    """
    arrays = _open_npz(Path(path))
    lacking = [name for name in ("features", "ids", "captions", "caption_ids") if name not in arrays]
    if lacking:
        raise DataError(f"{path}: lacks the array {lacking[0]!r}; it holds {', '.join(arrays)}")
    features = _finite(path, "features", _array(path, arrays, "features"), 2)
    ids, captions, owners = (_array(path, arrays, name).astype(str) for name in ("ids", "captions", "caption_ids"))
    for name, length, expected in (("ids", len(ids), len(features)), ("caption_ids", len(owners), len(captions))):
        if length != expected:
            raise DataError(f"{path}: {name} has {length} entries, expected {expected}")
    row = {name: i for i, name in enumerate(ids.tolist())}
    absent = [name for name in owners.tolist() if name not in row]
    if absent:
        raise DataError(f"{path}: caption of {absent[0]!r}, which has no features")
    if len(row) < len(ids):
        raise DataError(f"{path}: ids repeat")
    return CaptionedFeatures(features, ids, tuple(captions.tolist()), np.array([row[n] for n in owners.tolist()]))


def _pool(path: Path, name: str, streams: Mapping[str, np.ndarray], clips: int | None) -> np.ndarray:
    """The means of one stream over its segments, float32 [n, 1024]."""
    if name not in streams:
        raise DataError(f"{path}: lacks {name!r}; the official layout is {', '.join(STREAMS)}")
    values = _array(path, streams, name)
    if values.shape[1:] not in ((SEGMENTS, CHANNELS), (CHANNELS,)):
        raise DataError(f"{path}: {name} is {values.shape}, expected [n, {SEGMENTS}, {CHANNELS}] or [n, {CHANNELS}]")
    if clips is not None and len(values) != clips:
        raise DataError(f"{path}: {name} has {len(values)} clips, the captions {clips}; name the files of one split")
    return _finite(path, name, values.mean(axis=1, dtype=np.float32) if values.ndim == 3 else values, 2)


def _array(path: str | Path, arrays: Mapping[str, np.ndarray], name: str) -> np.ndarray:
    try:
        return np.asarray(arrays[name])
    except UNREADABLE as error:  # an .npz is read one array at a time, so only now
        raise DataError(f"{path}: {name} cannot be read ({error})") from None


def _finite(path: str | Path, name: str, values: np.ndarray, dims: int) -> np.ndarray:
    if values.ndim != dims or not np.issubdtype(values.dtype, np.floating) or not np.isfinite(values).all():
        found = f"{values.dtype} {values.shape}"
        raise DataError(f"{path}: {name} is {found}, expected {dims} dimensions of finite numbers")
    return values.astype(np.float32)


def _open_npz(path: Path) -> Mapping[str, np.ndarray]:
    try:
        file = np.load(path, allow_pickle=False)
        if not hasattr(file, "files"):
            raise ValueError("one array, not several")
        return file
    except UNREADABLE as error:
        raise DataError(f"{path}: not a readable .npz of features ({error})") from None


class _ArraysOnly(pickle.Unpickler):
    """Reads containers, strings, numbers and numpy arrays. Anything else in the file is an error, and is not run."""

    def find_class(self, module: str, name: str) -> type:
        if (module, name) not in ARRAYS:
            raise pickle.UnpicklingError(f"it wants to run {module}.{name}")
        return super().find_class(module, name)


def _open_pickle(path: Path, allowed: bool) -> Mapping[str, np.ndarray]:
    if not allowed:
        raise DataError(
            f"{path}: a pickle can run any code while it is read. If you trust where it came from, say "
            "allow_pickle=True (--trust-pickle), or write it once as .npz by actret_core.text.features.convert_pickle"
        )
    try:
        with open(path, "rb") as file:
            found = _ArraysOnly(file).load()
    except (pickle.UnpicklingError, *UNREADABLE) as error:
        raise DataError(f"{path}: not a pickle of arrays ({error})") from None
    if not isinstance(found, dict):
        raise DataError(f"{path}: holds a {type(found).__name__}, expected a dict of {', '.join(STREAMS)}")
    return found
