"""The benchmark: what is query and gallery, what is relevant, what is ignored; a versioned file for each data set."""

import difflib
import gzip
import json
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

import numpy as np
from sklearn.preprocessing import MultiLabelBinarizer

from actret_core.config import config_from_dict, require
from actret_core.errors import DataError, EmbeddingError
from actret_core.files import atomic_path
from actret_core.retrieval.arrays import as_array, as_float32, as_floats
from actret_core.retrieval.embeddings import Embeddings

VERSIONS = {"stanford40": 1, "voc2012": 1}


@dataclass(frozen=True)
class Protocol:
    """What a data set's benchmark is made of.

    `ids` are both the query set and the gallery, in the order that breaks ties; `labels` are the actions of each, as
    indices into `actions` (none: a distractor). `groups` name the photograph of each, where several samples share one;
    else it is None. `train_ids` are the samples to learn from. `relevance` and `exclusion` state the rules in words.
    """

    name: str
    version: int
    source: str
    relevance: str
    exclusion: str
    actions: tuple[str, ...]
    train_ids: tuple[str, ...]
    ids: tuple[str, ...]
    labels: tuple[tuple[int, ...], ...]
    groups: tuple[str, ...] | None

    @property
    def file_name(self) -> str:
        """`<name>-v<version>.json.gz`."""
        return f"{self.name}-v{self.version}.json.gz"

    @property
    def targets(self) -> np.ndarray:
        """Multi-hot labels, bool [N, C]."""
        return MultiLabelBinarizer(classes=range(len(self.actions))).fit_transform(self.labels).astype(bool)

    def write(self, path: str | Path) -> None:
        """Write gzipped JSON. The same protocol gives the same bytes: they hold no date and no file name."""
        text = json.dumps(asdict(self), separators=(",", ":"), sort_keys=True)
        with atomic_path(path) as temporary, open(temporary, "wb") as file:
            with gzip.GzipFile("", "wb", compresslevel=9, fileobj=file, mtime=0) as packed:
                packed.write(text.encode())


def load_protocol(name: str) -> Protocol:
    """The protocol of a data set that comes with this package. Raises ConfigError if there is none."""
    require(name in VERSIONS, "protocol", name, f"one of {', '.join(VERSIONS)}")
    return read_protocol(files("actret_core") / "protocols" / f"{name}-v{VERSIONS[name]}.json.gz")


def read_protocol(path: Path | Traversable) -> Protocol:
    """Read what `Protocol.write` wrote. Raises DataError for a file that is missing, cut short or of another kind."""
    try:
        values = json.loads(gzip.decompress(path.read_bytes()))
        values["labels"] = [tuple(labels) for labels in values["labels"]]
        return config_from_dict(Protocol, values)
    except (OSError, EOFError, zlib.error, ValueError, LookupError, TypeError) as error:
        raise DataError(
            f"{path}: not a complete protocol; write it by `actret protocol`: {error}"
        ) from error


def to_embeddings(protocol: Protocol, features: np.ndarray, ids: Sequence[str]) -> Embeddings:
    """Features [N, D] of `ids` [N], in any order, as the protocol's samples in the protocol's order, float32.

    Features that exceed the range of float32 stay float64, since retrieval compares their directions alone.
    Raises EmbeddingError, naming the first offenders, unless every id of the protocol has exactly one finite
    vector that is not zero, and no other id is there.
    """
    features, ids = as_floats(as_array(features, "features")), as_array(ids, "ids", np.str_)
    _check_shapes(features, ids)
    _check_ids(protocol, ids)
    row = {name: i for i, name in enumerate(ids.tolist())}
    features = as_float32(features[[row[name] for name in protocol.ids]])
    ordered = np.array(protocol.ids)
    _refuse(ordered[~np.isfinite(features).all(axis=1)], "features hold NaN or inf", "embed them again")
    _refuse(ordered[~features.any(axis=1)], "features are all zero and have no direction", "embed them again")
    targets = protocol.targets
    labels = targets.argmax(axis=1) if (targets.sum(axis=1) == 1).all() else targets
    return Embeddings(features, labels, ordered, None if protocol.groups is None else np.array(protocol.groups))


def _check_shapes(features: np.ndarray, ids: np.ndarray) -> None:
    if features.ndim != 2 or 0 in features.shape or not np.issubdtype(features.dtype, np.floating):
        raise EmbeddingError(f"features are {features.dtype} {features.shape}: expected floats [N, D]")
    if ids.shape != features.shape[:1]:
        raise EmbeddingError(f"ids have shape {ids.shape}: expected ({len(features)},), one for each row of features")


def _check_ids(protocol: Protocol, ids: np.ndarray) -> None:
    names, counts = np.unique(ids, return_counts=True)
    _refuse(names[counts > 1], "ids stand more than once", "give each sample one vector")
    known, train = set(protocol.ids), set(protocol.train_ids)
    foreign = [name for name in ids.tolist() if name not in known]
    learned = [name for name in foreign if name in train]
    _refuse(learned, "ids are of the training set", "leave it out: the test set alone is query set and gallery")
    _refuse(foreign, f"ids are not in {protocol.name}", _near(foreign, protocol))
    missing = sorted(known - set(names.tolist()))
    _refuse(missing, f"ids of {protocol.name} have no vector", f"embed all {len(known)}, none may be left out")


def _near(foreign: Sequence[str], protocol: Protocol) -> str:
    near = difflib.get_close_matches(foreign[0], protocol.ids, n=1) if foreign else []
    return f"did you mean {near[0]!r}?" if near else f"they look like {protocol.ids[0]!r}"


def _refuse(names: Sequence[str], what: str, remedy: str) -> None:
    """Raise EmbeddingError if any sample has the fault."""
    if len(names):
        first = ", ".join(repr(str(name)) for name in names[:3])
        raise EmbeddingError(f"{what}: {len(names)}, first {first}; {remedy}")
