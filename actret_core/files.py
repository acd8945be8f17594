"""Files on disk: written whole or not at all, held by one process at a time, known by a digest."""

import fcntl
import hashlib
import os
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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
"""What numpy raises for an .npz that is cut short, damaged, or something else."""


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """A temporary name beside `path` to write to; it replaces `path` only if the block succeeds."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def file_sha256(path: str | Path) -> str:
    """The SHA-256 of a file's bytes, in hex."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def weights_sha256(model: nn.Module) -> str:
    """The SHA-256 of all of a model's values, in hex."""
    digest = hashlib.sha256()
    for values in model.state_dict().values():
        digest.update(values.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
@contextmanager
def lock(path: str | Path, wait: bool = True) -> Iterator[bool]:
    """Hold the file at `path`, which is made if it is absent; yields whether it is held.

    The end of the process, however it comes, releases it. With `wait`, as long as it takes.
    """
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
        else:
            yield True
