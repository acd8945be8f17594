"""A run as a value: what is trained, resolved once from a name; and the place where its files are."""

import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from actret_core.config import require
from actret_core.distributed import from_first, rank
from actret_core.errors import ConfigError
from actret_core.experiments.presets import Preset, find_preset
from actret_core.experiments.record import read_record, require_name, run_stem
from actret_core.files import lock
from actret_core.models.methods import method_of


@dataclass(frozen=True)
class Run:
    """One training by a preset, whose `train.seed` is the run's seed; `resolve_run` makes it from names.

    It is frozen: training, scoring and recording take it as it is.
    """

    preset: Preset
    variant: str = ""       # distinguishes runs of one method and tier in file names; "" for the unchanged preset
    view: str = "image"     # what cached maps show: the "image", or the "person" cut out of it
    flip_too: bool = False  # also record the same weights with `flip_test`, as variant "...flip" of the tier plus

    @property
    def method(self) -> str:
        """The name of its method in `METHODS`."""
        return method_of(self.preset.model)

    @property
    def stem(self) -> str:
        """The name of its files, of its record among them."""
        return run_stem(self.method, self.variant, self.preset.tier, self.preset.train.seed)

    @property
    def to_record(self) -> list["Run"]:
        """The runs to record from this training: with `flip_too` the same weights with the mirror, and this one.

        This one is the last, so that its record shows that all are written.
        """
        if not self.flip_too:
            return [self]
        mirrored = replace(self.preset, tier="plus", model=replace(self.preset.model, flip_test=True))
        return [Run(mirrored, _joined(self.variant, "flip"), self.view), self]


def resolve_run(
    method: str = "region_net", preset: str = "full", seed: int = 0, variant: str = "",
    model: Mapping[str, Any] | None = None, train: Mapping[str, Any] | None = None, flip_too: bool = False,
) -> Run:
    """From names to a run: the preset of a method, with other values of some fields of its configs.

    `variant` names these differences. For a preset with a frozen backbone, "reduced" is put before it, or "frozen" if
    the model learns from tokens. Such a preset has no field `crop`: given as one, it chooses maps of the person instead
    of the whole image. Raises ConfigError for an unknown name, field or value, and for changes without a variant.
    """
    model, found = dict(model or {}), find_preset(method, preset)
    if variant:
        require_name("variant", variant)
    require(bool(variant) or not (model or train), "variant", variant, "a name for what differs from the preset")
    crop = found.on_maps and model.pop("crop", False)
    kind = "frozen" if found.token_dim else "reduced" * found.on_maps
    chosen = found.changed(model, dict(train or {}) | {"seed": seed})
    return Run(chosen, _joined(kind, variant), "person" if crop else "image", flip_too)


def _joined(*words: str) -> str:
    return "-".join(filter(None, words))


@dataclass(frozen=True)
class Place:
    """Where runs read their data and write their files."""

    dataset: str
    data: Path | None = None             # its folder; None: as `find_root` says
    proposals: Path | None = None        # a COCO results file; None: the one beside the data
    weights: str | None = None           # backbone: a .safetensors file or a torchvision name; None: from scratch
    results: Path = Path("results")      # folder of the records
    runs: Path = Path("runs")            # of checkpoints and logs
    maps: Path = Path("runs/maps")       # of cached maps
    dim: int = 256                       # dimensions of the recorded embeddings

    def __post_init__(self) -> None:
        require(isinstance(self.dim, int) and self.dim >= 1, "dim", self.dim, "at least 1, a whole number")

    def record(self, run: Run) -> Path:
        """The file of a run's record."""
        return self.results / self.dataset / f"{run.stem}.json"

    def folder(self, run: Run) -> Path:
        """The folder of a run's checkpoints and logs."""
        return self.runs / self.dataset / run.stem

    def require_writable(self, run: Run) -> None:
        """Raise ConfigError if a folder that `run` writes to is neither writable nor can be made."""
        folders = {"results": self.record(run).parent, "runs": self.folder(run)}
        for name, folder in (folders | ({"maps": self.maps} if run.preset.on_maps else {})).items():
            there = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
            writable = there.is_dir() and os.access(there, os.W_OK | os.X_OK)
            require(writable, name, str(getattr(self, name)), f"another folder; {there} cannot be written to")


def recorded(run: Run, place: Place) -> bool:
    """Whether the run has a record that can be read; for one that cannot, with a warning, it has none."""
    path = place.record(run)
    if not path.exists():
        return False
    try:
        read_record(path)
    except ConfigError as error:
        warnings.warn(f"{error}; it counts as not recorded", stacklevel=2)
        return False
    return True


@contextmanager
def claimed(run: Run, place: Place) -> Iterator[bool]:
    """Lock a run, so that no other process trains it meanwhile; yields False if another process has the lock.

    Raises ConfigError if a folder of the run cannot be written to.
    """
    place.require_writable(run)
    path = place.folder(run).with_name(f"{run.stem}.lock")
    with nullcontext(False) if rank() else lock(path, wait=False) as held:
        yield from_first(held)
