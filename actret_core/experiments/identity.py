"""What a training depends on, kept in its folder, so that it is never resumed for other data or other weights."""

import hashlib
import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from actret_core.data.sample import ActionSample
from actret_core.errors import CheckpointError
from actret_core.experiments.action_data import ActionData
from actret_core.experiments.run import Place, Run
from actret_core.experiments.score import data_fingerprint
from actret_core.files import atomic_path, file_sha256


def identity(data: ActionData, run: Run, place: Place) -> dict[str, Any]:
    """All that a training depends on, as plain JSON: its config, and what tells data, regions and weights apart.

    `photographs` are known by name and size in bytes, `annotations` are sizes, persons and actions, `proposals` the
    regions that the method sees, `weights` the SHA-256 of the file, or torchvision's name.
    """
    found = {"config": run.preset.as_config(), "view": run.view, "weights": _weights(place.weights)}
    return json.loads(json.dumps(found | data_identity(data)))           # JSON turns tuples into lists


def data_identity(data: ActionData) -> dict[str, Any]:
    """The part of `identity` that is about the data set and its regions."""
    samples = [*data.train.samples, *data.evaluation.samples]
    return {
        "data": data_fingerprint(data),
        "photographs": _sha256(sorted({(s.image_id, s.image.stat().st_size) for s in samples})),
        "annotations": _sha256([data.train.actions, *sorted(map(_annotation, samples))]),
        "proposals": _boxes_sha256(data.context),
    }


def keep_identity(folder: Path, found: dict[str, Any]) -> None:
    """Write an identity into a run's folder as `identity.json`.

    A folder without one, of an older version, gets it. Raises CheckpointError if the folder holds checkpoints of
    another identity.
    """
    path = folder / "identity.json"
    known = _read(path)
    other = [name for name in found if known.get(name, found[name]) != found[name]]
    if other and any(folder.rglob("*.ckpt")):
        raise CheckpointError(
            f"{path}: the training in this folder has other {', '.join(other)}; delete {folder} to train again, or "
            "name another folder by --runs"
        )
    if known != found:
        with atomic_path(path) as temporary:
            temporary.write_text(json.dumps(found, indent=2))


def _read(path: Path) -> dict[str, Any]:
    """The identity in a file; empty if there is none, or none that can be read."""
    try:
        known = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError):
        known = None
    if isinstance(known, dict):
        return known
    warnings.warn(f"{path}: cut short, written again; delete {path.parent} if it held other data", stacklevel=2)
    return {}


def _annotation(sample: ActionSample) -> tuple[Any, ...]:
    return sample.id, sample.size, sample.person, sample.labels


def _sha256(values: Any) -> str:
    return hashlib.sha256(json.dumps(values, default=float).encode()).hexdigest()


def _boxes_sha256(context: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name, boxes in sorted(context.items()):
        digest.update(f"{name}\n{len(boxes)}\n".encode())
        digest.update(boxes.float().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _weights(weights: str | Path | None) -> str | None:
    is_file = weights is not None and Path(weights).suffix == ".safetensors"
    return file_sha256(weights) if is_file else weights and str(weights)
