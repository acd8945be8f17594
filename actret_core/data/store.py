"""Rows of one shape, each under a name, in one memory-mapped file: written once, resumed, checked."""

import json
import math
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import numpy as np
from tqdm import tqdm

from actret_core.config import config_from_dict
from actret_core.errors import DataError
from actret_core.files import file_sha256, lock


@dataclass(frozen=True)
class StoreInfo:
    """What a store holds, as its sidecar `<path>.json` says. Each kind of store adds fields, and the shape of its rows.

    dataset; names: of the N rows, in their order; image_size: side of the square that pictures are squashed to.
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
    def row_bytes(self) -> int:
        """The bytes of a row."""
        return math.prod(self.row) * np.dtype(self.DTYPE).itemsize

    def check(self, path: Path, wanted: "StoreInfo") -> None:
        """Raise DataError, naming the fields, unless what stands at `path` is a store of `wanted`."""
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
    """`values` [N, *row], memory-mapped: read from disk as they are needed. `write_store` makes the file.

    Raises DataError if it is absent, cut, damaged, of another kind than `kind`, or was never finished.
    """

    def __init__(self, path: str | Path, kind: type[StoreInfo], verify: bool = True) -> None:
        self.path, self.kind = Path(path), kind
        self.info, digest = read_sidecar(self.path, kind)
        again = f"delete it and write the {kind.ROWS} again"
        expected = len(self.info.names) * self.info.row_bytes
        found = self.path.stat().st_size if self.path.is_file() else 0
        if found != expected:
            raise DataError(f"{self.path}: {found:,} bytes, expected {expected:,}; {again}")
        if verify and file_sha256(self.path) != digest:
            raise DataError(f"{self.path}: not what was written, its SHA-256 is another; {again}")
        self.values = np.memmap(self.path, kind.DTYPE, "r", shape=(len(self.info.names), *self.info.row))

    def __reduce__(self) -> tuple:
        # a loading process opens the file again, and does not receive gigabytes
        return Store, (self.path, self.kind, False)

    def rows(self, dataset: str, names: Sequence[str]) -> list[int]:
        """The row of each name. Raises DataError for another data set, or names that are not stored."""
        rows, own = self.info.ROWS, "write them into a file of their own"
        if dataset != self.info.dataset:
            raise DataError(f"{self.path}: {rows} of {self.info.dataset}, asked for those of {dataset}; {own}")
        place = {name: i for i, name in enumerate(self.info.names)}
        absent = [name for name in names if name not in place]
        if absent:
            raise DataError(f"{self.path}: lacks the {rows} of {absent[0]} and {len(absent) - 1} more; {own}")
        return [place[name] for name in names]


def write_store(
    path: str | Path, info: StoreInfo, rows: Callable[[int], Iterable[np.ndarray]], progress: bool = True
) -> Store:
    """Write what `rows(done)` yields, arrays [b, *row] from row number `done` on, and open it.

    A finished store of the same kind is opened as it is; an interrupted one, in `<path>.part`, is continued. The
    sidecar comes last; a second process waits. Raises DataError if a store of another kind stands there.
    """
    with lock(f"{path}.lock"):  # another process may be writing it
        return _write(Path(path), info, rows, progress)


def _write(path: Path, info: StoreInfo, rows: Callable[[int], Iterable[np.ndarray]], progress: bool) -> Store:
    if sidecar(path).exists():
        read_sidecar(path, type(info))[0].check(path, info)
        return Store(path, type(info))
    part, done = _begin(path, info)
    bar = tqdm(total=len(info.names), initial=done, desc=info.ROWS, unit="image", disable=not progress)
    with open(part, "ab") as file, bar:
        for values in rows(done):
            file.write(np.ascontiguousarray(values, info.DTYPE).tobytes())
            file.flush()
            bar.update(len(values))
        os.fsync(file.fileno())
    _write_sidecar(part, info, file_sha256(part))
    os.replace(part, path)
    os.replace(sidecar(part), sidecar(path))
    return Store(path, type(info), verify=False)


def _begin(path: Path, info: StoreInfo) -> tuple[Path, int]:
    """The unfinished file, its description beside it, and how many rows it holds."""
    part = Path(f"{path}.part")
    if path.exists() and not sidecar(part).exists():
        raise DataError(f"{path}: a file without its description {sidecar(path).name}; delete it")
    part.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():  # interrupted between the last two steps
        os.replace(path, part)
    if sidecar(part).exists():
        read_sidecar(part, type(info))[0].check(part, info)
    else:
        part.unlink(missing_ok=True)
        _write_sidecar(part, info, "")
    part.touch()
    done = min(part.stat().st_size // info.row_bytes, len(info.names))
    os.truncate(part, done * info.row_bytes)  # what an interruption has cut
    return part, done


def sidecar(path: Path) -> Path:
    """The file that says what the store at `path` holds, and the SHA-256 of its bytes."""
    return Path(f"{path}.json")


def read_sidecar(path: Path, kind: type[Info]) -> tuple[Info, str]:
    """What the store at `path` holds, and its SHA-256. Raises DataError, naming the sidecar, if that is unreadable."""
    try:
        values = json.loads(sidecar(path).read_text())
        return config_from_dict(kind, {k: v for k, v in values.items() if k != "sha256"}), values["sha256"]
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        what = f"not a readable description of {kind.ROWS}"
        raise DataError(f"{sidecar(path)}: {what} ({error}); delete it, write them again") from None


def _write_sidecar(path: Path, info: StoreInfo, digest: str) -> None:
    temporary = Path(f"{sidecar(path)}.part")
    temporary.write_text(json.dumps(asdict(info) | {"sha256": digest}))
    os.replace(temporary, sidecar(path))
