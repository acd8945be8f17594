"""Files that one process at a time may hold."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


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
