"""A run is a value: what is trained, resolved once from a name, and where it finds and leaves its files."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from actret_core.config import require
from actret_core.distributed import from_first, rank
from actret_core.experiments.presets import Preset, find_preset
from actret_core.experiments.record import require_name, run_stem
from actret_core.files import lock
from actret_core.models.methods import method_of


@dataclass(frozen=True)
class Run:
    """One training by a preset, whose `train.seed` is the run's; `resolve_run` makes it from names.

    Whoever trains, scores or records it changes nothing.
    """

    preset: Preset
    variant: str = ""       # sets runs of one method and tier apart in file names; "" for the preset as it is
    view: str = "image"     # what cached maps show: the "image", or the "person" cut out of it
    flip_too: bool = False  # record also what the same weights see with `flip_test`, as "...flip" of the tier plus

    @property
    def method(self) -> str:
        """Its name in `METHODS`."""
        return method_of(self.preset.model)

    @property
    def stem(self) -> str:
        """The name of its files: that of its record."""
        return run_stem(self.method, self.variant, self.preset.tier, self.preset.train.seed)

    @property
    def recorded(self) -> list["Run"]:
        """What is recorded of its training: with `flip_too` the mirrored run, and itself last, which says all is done."""
        mirrored = replace(self.preset, tier="plus", model=replace(self.preset.model, flip_test=True))
        too = [Run(mirrored, _joined(self.variant, "flip"), self.view)]
        return [*too * self.flip_too, self]


def resolve_run(
    method: str = "region_net", preset: str = "full", seed: int = 0, variant: str = "",
    model: Mapping[str, Any] | None = None, train: Mapping[str, Any] | None = None, flip_too: bool = False,
) -> Run:
    """From names to a run: the preset of a method, with other values of some fields of its configs.

    `variant` names these differences. Of a preset with a frozen front it begins with "reduced", or "frozen" where
    tokens are all that is learned from; there `crop` is no field of the model, since the maps are already the person's.
    Raises ConfigError for an unknown name, field or value, and for changes without a variant.
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
    """Where runs find their data, and leave what they make."""

    dataset: str
    data: Path | None = None             # its folder; None: as `find_root` says
    proposals: Path | None = None        # a COCO results file; None: the one beside the data
    weights: str | None = None           # of the backbone: a .safetensors file or a torchvision name; None: from scratch
    results: Path = Path("results")      # folder of the records
    runs: Path = Path("runs")            # of checkpoints and logs
    maps: Path = Path("runs/maps")       # of cached maps
    dim: int = 256                       # numbers of a recorded embedding

    def __post_init__(self) -> None:
        require(self.dim >= 1, "dim", self.dim, "at least 1")

    def record(self, run: Run) -> Path:
        """The file of a run's record."""
        return self.results / self.dataset / f"{run.stem}.json"

    def folder(self, run: Run) -> Path:
        """The folder of a run's checkpoints and logs."""
        return self.runs / self.dataset / run.stem


@contextmanager
def claimed(run: Run, place: Place) -> Iterator[bool]:
    """Hold a run, so that no other process trains it meanwhile; yields False where another one holds it."""
    path = place.folder(run).with_name(f"{run.stem}.lock")
    with nullcontext(False) if rank() else lock(path, wait=False) as held:
        yield from_first(held)
