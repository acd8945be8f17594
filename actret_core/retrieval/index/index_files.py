"""An index on disk: `<path>` as FAISS writes it, and `<path>.json` with what FAISS does not know."""

import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import faiss

from actret_core.config import config_from_dict
from actret_core.errors import ConfigError, EmbeddingError
from actret_core.files import atomic_path, file_sha256
from actret_core.retrieval.index.index_kinds import IndexConfig

# Newer versions of FAISS can map every kind of index, older ones only the cells of ivfpq.
MAPPED = getattr(faiss, "IO_FLAG_MMAP_IFC", faiss.IO_FLAG_MMAP)


@dataclass(frozen=True)
class Sidecar:
    """What the .json beside an index holds.

    `config` of the index, the fingerprint of the `model` that made the embeddings, the `ids` by row, and the rows that
    are `hidden` because they were removed.
    """

    config: IndexConfig
    model: str
    ids: list[str]
    hidden: list[int]


def write_index(path: str | Path, index: faiss.Index, sidecar: Sidecar) -> None:
    """Write `<path>` and `<path>.json`; both replace an older pair at once, when they are complete.

    The new index first waits as `<path>.new`, and the older pair stays readable. The new one counts from the moment in
    which the .json with its digest is replaced, even if the process is killed before the file moves to `<path>`.
    """
    values, waiting = asdict(sidecar), _waiting(path)
    with atomic_path(waiting) as temporary:
        faiss.write_index(index, str(temporary))
        values |= {"bytes": temporary.stat().st_size, "sha256": file_sha256(temporary)}
    try:
        with atomic_path(_beside(path)) as temporary:
            temporary.write_text(json.dumps(values, indent=0))
    except OSError:  # a full disk, for example: the older pair stays
        waiting.unlink(missing_ok=True)
        raise
    with suppress(FileNotFoundError):  # another process that saved here at the same time has moved it
        os.replace(waiting, path)


def read_index(path: str | Path, mapped: bool) -> tuple[faiss.Index, Sidecar]:
    """Read what `write_index` wrote; `mapped` leaves the vectors on disk until a search needs them.

    The file is checked against the SHA-256 in its .json; a mapped file, which is not read, only against its size.
    Raises EmbeddingError if a file is missing or cut short, or if the two do not belong together.
    """
    sidecar, size, digest = _read_sidecar(_beside(path))
    try:
        waiting = _waiting(path)
        path = waiting if waiting.is_file() and file_sha256(waiting) == digest else path
        complete = Path(path).stat().st_size == size and (mapped or file_sha256(path) == digest)
    except OSError as error:
        raise EmbeddingError(f"{path}: cannot be read; build the index again: {error}") from error
    if not complete:
        raise EmbeddingError(f"{path}: cut short, or not the file that its .json describes; build it again")
    try:
        return faiss.read_index(str(path), MAPPED if mapped else 0), sidecar
    except RuntimeError as error:
        raise EmbeddingError(f"{path}: FAISS cannot read it; build the index again: {error}") from error


def _read_sidecar(path: Path) -> tuple[Sidecar, int, str]:
    try:
        values = json.loads(path.read_text())
        config = config_from_dict(IndexConfig, values["config"])
        sidecar = Sidecar(config, values["model"], values["ids"], values["hidden"])
        return sidecar, values["bytes"], values["sha256"]
    except (OSError, ValueError, KeyError, TypeError, ConfigError) as error:
        raise EmbeddingError(f"{path}: not the .json of an index; build the index again: {error!r}") from error


def _waiting(path: str | Path) -> Path:
    return Path(f"{path}.new")


def _beside(path: str | Path) -> Path:
    return Path(f"{path}.json")
