"""A run by its name: what is trained, where it finds its data, and where it leaves its results."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from actret_core.config import config_from_dict, require
from actret_core.data.tokens import FrozenTokens
from actret_core.distributed import from_first, rank, world
from actret_core.errors import ConfigError
from actret_core.experiments.action_data import ActionData, cache_photos, load_data
from actret_core.experiments.presets import Preset, find_preset
from actret_core.experiments.record import RunRecord, provenance
from actret_core.experiments.score import assess, fingerprint, record_run
from actret_core.experiments.train import configure, train_method, train_on_tokens
from actret_core.files import lock
from actret_core.models.checkpoint import save_model
from actret_core.models.region_net import RegionNet
from actret_core.models.weights import load_backbone
from actret_core.retrieval import Embeddings
from actret_core.experiments.action_data import cache_maps
from actret_core.training.tokens import extract_tokens


T = TypeVar("T")


@dataclass(frozen=True)
class Run:
    """One training: a preset of a method, and what differs from it.

    model, train: fields of the preset's configs and their values; variant: how the file name says it, "" for no
    difference. flip_too: also record, as the variant "flip" of the tier "plus", what the same weights see with
    `flip_test`. Raises ConfigError for a field or a value that these configs do not have.
    """

    method: str = "region_net"
    preset: str = "full"
    seed: int = 0
    variant: str = ""
    model: Mapping[str, Any] = field(default_factory=dict)
    train: Mapping[str, Any] = field(default_factory=dict)
    flip_too: bool = False

    def __post_init__(self) -> None:
        self.resolve()
        named = bool(self.variant) or not (self.model or self.train)
        require(named, "variant", self.variant, "a name for what differs from the preset")

    def resolve(self) -> Preset:
        """The preset as it is trained. On cached maps, `crop` is not the model's: the maps are those of the person."""
        preset = find_preset(self.method, self.preset)
        model = {name: value for name, value in self.model.items() if not (preset.on_maps and name == "crop")}
        return replace(preset, model=_change(preset.model, model), train=_change(preset.train, self.train))

    @property
    def stem(self) -> str:
        """The name of its files: that of its record."""
        return _joined(self.method, self.full_variant, self.resolve().tier, f"seed{self.seed}")

    @property
    def full_variant(self) -> str:
        """The record's variant, which also says whether the front of the backbone rested, or all of it."""
        preset = self.resolve()
        return _joined("frozen" if preset.token_dim else "reduced" * preset.on_maps, self.variant)

    def recorded_as(self, preset: Preset) -> list[tuple[Preset, str]]:
        """What is recorded of a training by `preset`, and as which variant; the run itself last: then all is done."""
        mirrored = replace(preset, tier="plus", model=replace(preset.model, flip_test=True))
        too = [(mirrored, _joined(self.full_variant, "flip"))] * self.flip_too
        return [*too, (preset, self.full_variant)]


def _joined(*words: str) -> str:
    return "-".join(filter(None, words))


def _change(config: T, changes: Mapping[str, Any]) -> T:
    return config_from_dict(type(config), asdict(config) | dict(changes))


@dataclass(frozen=True)
class Place:
    """Where runs find their data, weights and proposals (None: as `load_data` says), and leave what they make.

    results: folder of the records; runs: of checkpoints and logs; maps: of cached maps. dim: of recorded embeddings.
    """

    dataset: str
    data: Path | None = None
    proposals: Path | None = None
    weights: str | None = None
    results: Path = Path("results")
    runs: Path = Path("runs")
    maps: Path = Path("runs/maps")
    dim: int = 256

    def __post_init__(self) -> None:
        require(self.dim >= 1, "dim", self.dim, "at least 1")

    def record(self, run: Run) -> Path:
        """The file of a run's record."""
        return self.results / self.dataset / f"{run.stem}.json"

    def folder(self, run: Run) -> Path:
        """The folder of a run's checkpoints and logs."""
        return self.runs / self.dataset / run.stem


@contextmanager
def claim(run: Run, place: Place) -> Iterator[bool]:
    """Keep all others from a run while it lasts; yields False where another one has it."""
    path = place.folder(run).with_name(f"{run.stem}.lock")
    with nullcontext(False) if rank() else lock(path, wait=False) as held:
        yield from_first(held)


def perform(run: Run, place: Place, keep: bool = True, deadline: float = float("inf")) -> RunRecord:
    """Train, evaluate and record; an interrupted run goes on after its last epoch.

    With `keep` the weights stay in `place.folder(run)`; otherwise its checkpoints go, too. Raises OutOfTime as `fit`.
    """
    data = load_data(place.dataset, place.data, run.resolve().model, place.proposals)
    preset, out = configure(run.resolve(), data, place.weights, run.seed), place.folder(run)
    if preset.on_maps:
        require(place.weights is not None, "weights", None, f"pretrained weights for the preset {run.preset!r}")
        data = cache_maps(data, preset.model, place.weights, place.maps, "person" if run.model.get("crop") else "image")
    if preset.token_dim:
        return perform_on_tokens(data, run.recorded_as(preset), place.weights, place.runs, out, place.results)
    data = cache_photos(data, preset.model, preset.train.workers)
    model, result = train_method(data, preset, place.weights, out, progress=not rank(), deadline=deadline)
    if keep and not rank():
        save_model(out / "model.safetensors", model)
    for view, variant in run.recorded_as(preset):
        record = record_run(data, view, model, result, place.results, variant, place.dim)
    if not keep and not rank():
        for path in out.rglob("*.ckpt"):
            path.unlink()
    return record


def run_alone(run: Run, place: Place) -> RunRecord:
    """`perform` a run that nobody else has. Raises ConfigError otherwise."""
    with claim(run, place) as mine:
        if not mine:
            raise ConfigError(f"{place.folder(run)}: another process trains this run; wait for it, or stop it")
        return perform(run, place)


def cached_tokens(data: ActionData, preset: Preset, weights: str | Path, folder: Path) -> FrozenTokens:
    """The tokens of the training set, of the evaluation set and of its mirror, in this order; computed once.

    The preset says how many regions there are, how they are pooled, and how many numbers a token has. The file in
    `folder` bears the first digits of the SHA-256 of the backbone's weights.
    """
    c, made_by = preset.model, data.maps[data.train.name].info.weights[:8]
    path = folder / f"{data.train.dataset}-k{c.k}-{c.pooling}-{preset.token_dim}-{made_by}.npz"
    with lock(f"{path}.lock"):
        if not path.exists():
            model = RegionNet(c)
            load_backbone(model.backbone, weights)
            mirror = data.mirrored(data.evaluation, c)
            parts = {split.name: data.dataset(split, c) for split in (data.train, data.evaluation)} | {"mirror": mirror}
            found = extract_tokens(model, parts, preset.token_dim, workers=0)
            mirrored = np.arange(len(found.ids)) >= len(found.ids) - len(mirror)
            replace(found, ids=np.where(mirrored, np.char.add(found.ids, " mirrored"), found.ids)).save(path)
    return FrozenTokens.load(path)


def perform_on_tokens(
    data: ActionData, recorded_as: Sequence[tuple[Preset, str]], weights: str | Path, runs: Path, out: Path,
    results: Path,
) -> RunRecord:
    """Train once, and record what each preset of `recorded_as` sees in the evaluation set, under its variant.

    Tokens are kept below `runs`. The embeddings of so small a model are not recorded, nor is it kept. Returns the last
    record. Raises ConfigError for several processes, which so short a training is not worth.
    """
    require(world() == 1, "nproc_per_node", world(), "1 for runs on tokens, which take seconds")
    tokens, start = cached_tokens(data, recorded_as[-1][0], weights, runs / "tokens"), time.perf_counter()
    _, both = train_on_tokens(tokens, recorded_as[-1][0], out)
    seconds = time.perf_counter() - start
    records = [_record(data, preset, variant, both, seconds) for preset, variant in recorded_as]
    for record in records:
        record.write(results)
    for path in out.rglob("*.ckpt"):
        path.unlink()
    return records[-1]


def _record(data: ActionData, preset: Preset, variant: str, both: Embeddings, seconds: float) -> RunRecord:
    count = len(data.evaluation)
    plain, mirrored = both.features[:count], both.features[count:]
    features = (plain + mirrored) / 2 if preset.model.flip_test else plain
    embeddings = replace(both, features=features, labels=both.labels[:count], ids=both.ids[:count])
    config = {"model": asdict(preset.model), "train": asdict(preset.train), "token_dim": preset.token_dim}
    return RunRecord(
        data.train.dataset, "region_net", preset.tier, preset.train.seed, assess(embeddings), config,
        epochs=preset.train.epochs, wall_seconds=round(seconds, 1), **provenance(),
        dataset_fingerprint=fingerprint(data), variant=variant,
    )
