"""Files on disk: written completely or not at all, locked by one process at a time, identified by their SHA-256."""

import hashlib
import os
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

if TYPE_CHECKING:  # torch takes seconds to import, and retrieval needs none of it
    from torch import nn

UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    AttributeError,
    LookupError,
    OSError,
    TypeError,
    ValueError,
)
"""What numpy raises for a file of arrays that is missing, cut short, damaged, or of another format."""


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """A temporary path beside `path` to write to; the file replaces `path` only if the block succeeds."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def file_digest(path: str | Path, algorithm: str) -> str:
    """The digest of a file's bytes, in hex, by a `hashlib` algorithm such as "md5"."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def file_sha256(path: str | Path) -> str:
    """The SHA-256 of a file's bytes, in hex."""
    return file_digest(path, "sha256")


def weights_sha256(model: "nn.Module") -> str:
    """The SHA-256 of all parameters and buffers of a model, in hex."""
    digest = hashlib.sha256()
    for values in model.state_dict().values():
        digest.update(values.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


@contextmanager
def lock(path: str | Path, wait: bool = True) -> Iterator[bool]:
    """Lock the file at `path`, which is created if needed, while the block runs; yields whether the lock is held.

    If another process holds it: `wait` until it is free, however long that takes, or yield False at once. The
    operating system releases the lock when the process ends, even if it is killed.
    """
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    held = FileLock(path, fallback_to_soft=False)  # a soft lock would stay after a killed process
    try:
        held.acquire(timeout=-1 if wait else 0)
    except Timeout:
        yield False
        return
    try:
        yield True
    finally:
        held.release()
