"""Arrays of one shape, each under a name, in one memory-mapped .npy file: written once, resumable, verified."""

import json
import math
import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import numpy as np
from numpy.lib.format import open_memmap
from tqdm import tqdm

from actret_core.config import config_from_dict
from actret_core.errors import DataError
from actret_core.files import UNREADABLE, atomic_path, file_sha256, lock


@dataclass(frozen=True)
class StoreInfo:
    """What a store holds, as its sidecar file `<path>.json` says. A subclass adds fields and the shape of a row.

    dataset: name of the data set; names: of the N rows, in order; image_size: side in pixels of the square that
    images are squashed to.
    """

    ROWS: ClassVar[str]  # what the rows are, for messages
    DTYPE: ClassVar[type]

    dataset: str
    names: tuple[str, ...]
    image_size: int

    @property
    def row(self) -> tuple[int, ...]:
        """The shape of a row."""
        raise NotImplementedError

    @property
    def stored(self) -> tuple[int, ...]:
        """The shape of the whole array, [N, *row]."""
        return (len(self.names), *self.row)

    def check(self, path: Path, wanted: "StoreInfo") -> None:
        """Raise DataError, naming the fields that differ, unless the store at `path` holds what is `wanted`."""
        names = [f.name for f in fields(self) if f.compare and getattr(self, f.name) != getattr(wanted, f.name)]
        if names:
            said = ", ".join(_difference(name, getattr(self, name), getattr(wanted, name)) for name in names)
            raise DataError(f"{path}: {self.ROWS} of another kind: {said}; name another file or delete it")


Info = TypeVar("Info", bound=StoreInfo)


def _difference(name: str, found: Any, wanted: Any) -> str:
    if name == "names":
        return f"{len(found)} pictures (wanted {len(wanted)}) or others"
    short = [f"{v[:8]}..." if isinstance(v, str) and len(v) == 64 else repr(v) for v in (found, wanted)]
    return f"{name} {short[0]} (wanted {short[1]})"


class Store:
    """A finished store, written by `write_store`: `values` [N, *row] is memory-mapped, so rows are read when used.

    `kind` is the class of its StoreInfo. With `verify`, the SHA-256 of the file is checked. Raises DataError if the
    file is missing, damaged, unfinished or of another kind.
    """

    def __init__(self, path: str | Path, kind: type[StoreInfo], verify: bool = True) -> None:
        self.path, self.kind = Path(path), kind
        self.info, state = read_sidecar(self.path, kind)
        self.values = _open(self.path, self.info)
        if verify and file_sha256(self.path) != state["sha256"]:
            raise DataError(f"{self.path}: changed since it was written; delete it and write the {kind.ROWS} again")

    def __reduce__(self) -> tuple:
        # a data loading process opens the file itself, so that no values are sent to it
        return Store, (self.path, self.kind, False)

    def rows(self, dataset: str, names: Sequence[str]) -> list[int]:
        """The row number of each name. Raises DataError for another data set, or for names that are not stored."""
        rows, own = self.info.ROWS, "write them into a file of their own"
        if dataset != self.info.dataset:
            raise DataError(f"{self.path}: {rows} of {self.info.dataset}, asked for those of {dataset}; {own}")
        number = {name: i for i, name in enumerate(self.info.names)}
        absent = [name for name in names if name not in number]
        if absent:
            raise DataError(f"{self.path}: lacks the {rows} of {absent[0]} and {len(absent) - 1} more; {own}")
        return [number[name] for name in names]


def write_store(
    path: str | Path, info: StoreInfo, rows: Callable[[int], Iterable[np.ndarray]], progress: bool = True
) -> Store:
    """Write a store of what `rows(done)` yields, arrays [b, *row] from row number `done` on, and open it.

    A finished store of the same kind is opened as it is. An interrupted one, in `<path>.part`, is continued after its
    last complete batch. Other processes wait meanwhile. Raises DataError if the file at `path` is not such a store, if
    `rows` yields too few rows, or if the disk has too little space.
    """
    with lock(f"{path}.lock"):
        return _write(Path(path), info, rows, progress)


def _write(path: Path, info: StoreInfo, rows: Callable[[int], Iterable[np.ndarray]], progress: bool) -> Store:
    if sidecar(path).exists():
        read_sidecar(path, type(info))[0].check(path, info)
        return Store(path, type(info))
    part = Path(f"{path}.part")
    values, done = _begin(path, part, info)
    with tqdm(total=len(values), initial=done, desc=info.ROWS, unit="image", disable=not progress) as bar:
        for batch in rows(done):
            values[done : done + len(batch)] = batch
            values.flush()  # the rows reach the disk before the sidecar counts them
            done += len(batch)
            _write_sidecar(part, info, done)
            bar.update(len(batch))
    if done < len(values):
        raise DataError(f"{part}: {done} rows, expected {len(values)}")
    _write_sidecar(part, info, done, file_sha256(part))
    os.replace(part, path)
    os.replace(sidecar(part), sidecar(path))  # last: a store with a sidecar is finished
    return Store(path, type(info), verify=False)


def _begin(path: Path, part: Path, info: StoreInfo) -> tuple[np.memmap, int]:
    """The rows of the unfinished file, a new one if there is none that can be continued, and how many are written."""
    if path.exists():
        if not sidecar(part).exists():
            raise DataError(f"{path}: a file without its description {sidecar(path).name}; delete it")
        os.replace(path, part)  # interrupted between the last two steps
    if sidecar(part).exists():
        found, state = read_sidecar(part, type(info))
        found.check(part, info)
        with suppress(DataError):  # cut or deleted: all rows are written again
            _open(part, info)  # first: to open it for writing would fill what was cut with zeros
            return open_memmap(part, "r+"), state["rows"]
    values = _create(part, info)
    _write_sidecar(part, info, 0)
    return values, 0


def _create(path: Path, info: StoreInfo) -> np.memmap:
    """A new .npy file of N rows. Raises DataError if the disk has too little space for it."""
    path.unlink(missing_ok=True)
    needed, free = math.prod(info.stored) * np.dtype(info.DTYPE).itemsize, shutil.disk_usage(path.parent).free
    if needed > free:  # writing to a memory map on a full disk would kill the process
        raise DataError(f"{path}: {info.ROWS} take {needed:,} bytes, {free:,} are free on this disk; make room")
    return open_memmap(path, "w+", info.DTYPE, info.stored)


def _open(path: Path, info: StoreInfo) -> np.memmap:
    """The rows of an existing file, read-only. Raises DataError if it is missing, cut, or of another shape or type."""
    again = f"delete it and write the {info.ROWS} again"
    try:
        values = open_memmap(path, "r")
    except UNREADABLE as error:
        raise DataError(f"{path}: not a complete .npy file ({error}); {again}") from None
    if (values.shape, values.dtype) != (info.stored, info.DTYPE):
        found, expected = f"{values.dtype} {values.shape}", f"{np.dtype(info.DTYPE)} {info.stored}"
        raise DataError(f"{path}: {found}, expected {expected}; {again}")
    return values


def sidecar(path: Path) -> Path:
    """The JSON file beside a store: what it holds (`StoreInfo`), how many `rows` are written, and its `sha256`."""
    return Path(f"{path}.json")


def read_sidecar(path: Path, kind: type[Info]) -> tuple[Info, dict[str, Any]]:
    """The StoreInfo in a sidecar, and its `rows` and `sha256` ("" while unfinished). Raises DataError, naming it."""
    try:
        values = json.loads(sidecar(path).read_text())
        state = {name: values.pop(name) for name in ("rows", "sha256")}
        return config_from_dict(kind, values), state
    except UNREADABLE as error:
        what = f"not a readable description of {kind.ROWS}"
        raise DataError(f"{sidecar(path)}: {what} ({error}); delete it, write them again") from None


def _write_sidecar(path: Path, info: StoreInfo, rows: int, sha256: str = "") -> None:
    with atomic_path(sidecar(path)) as temporary:
        temporary.write_text(json.dumps(asdict(info) | {"rows": rows, "sha256": sha256}))
