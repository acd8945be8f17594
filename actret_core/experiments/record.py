"""The record of a run: one JSON file with its metrics, its config and where it came from."""

import hashlib
import json
import platform
import re
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy import stats

from actret_core.config import require
from actret_core.errors import ConfigError
from actret_core.files import atomic_path

TIERS = ("demo", "cpu", "full", "plus")
PACKAGES = ("numpy", "scipy", "scikit-learn", "faiss-cpu", "torch", "torchvision", "lightning",
            "pytorch-metric-learning")


def run_stem(method: str, variant: str, tier: str, seed: int) -> str:
    """`<method>[-<variant>]-<tier>-seed<n>`: the name of a run's files."""
    return "-".join(filter(None, (method, variant, tier, f"seed{seed}")))


@dataclass(frozen=True)
class RunRecord:
    """A recorded run; metrics in percent, as in the paper's tables.

    `tier`: demo (playground), cpu (real data, reduced: `config` says how), full (the paper's setting) or plus
    (beyond it). `variant` distinguishes runs of one method in the file name. `extra` are further top-level keys
    of the file. Raises ConfigError for an invalid name, tier or number.
    """

    dataset: str
    method: str
    tier: str
    seed: int
    metrics: Mapping[str, Any]
    config: Mapping[str, Any]
    epochs: int
    wall_seconds: float
    device: str
    versions: Mapping[str, str]
    commit: str
    dataset_fingerprint: Mapping[str, Any]
    variant: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("dataset", "method"):
            require_name(name, getattr(self, name))
        if self.variant != "":
            require_name("variant", self.variant)
        require(self.tier in TIERS, "tier", self.tier, f"one of {', '.join(TIERS)}")
        for name in ("seed", "epochs", "wall_seconds"):
            value = getattr(self, name)
            number = isinstance(value, int if name == "seed" else (int, float)) and not isinstance(value, bool)
            require(number and value >= 0, name, value, "a number, 0 or more")
        for name in ("metrics", "config", "versions", "dataset_fingerprint", "extra"):
            require(isinstance(getattr(self, name), Mapping), name, getattr(self, name), "a JSON object")
        clash = sorted(set(self.extra) & {f.name for f in fields(self)})
        require(not clash, "extra", clash, "keys that are not fields of the record")

    @classmethod
    def made_now(cls, *, wall_seconds: float, variant: str = "", **fields_: Any) -> "RunRecord":
        """A record of a run that has just ended, with this machine's device, versions and commit."""
        return cls(**fields_, wall_seconds=round(wall_seconds, 1), variant=variant, **provenance())

    @property
    def stem(self) -> str:
        """The name of this run's files."""
        return run_stem(self.method, self.variant, self.tier, self.seed)

    def path(self, root: str | Path) -> Path:
        """The file of the record below the results folder `root`."""
        return Path(root) / self.dataset / f"{self.stem}.json"

    def embeddings_path(self, root: str | Path) -> Path:
        """The file of the run's test embeddings below the results folder `root`."""
        return Path(root) / self.dataset / "embeddings" / f"{self.stem}.npz"

    def logits_path(self, root: str | Path) -> Path:
        """The file of the classifier's scores of the test set below the results folder `root`."""
        return Path(root) / self.dataset / "logits" / f"{self.stem}.npz"

    def write(self, root: str | Path) -> Path:
        """Write the record below `root`, keys sorted; returns its path. Raises ConfigError for NaN and for non-JSON."""
        values = asdict(self)
        values |= values.pop("extra")
        if not self.variant:
            del values["variant"]
        try:
            text = json.dumps(values, indent=2, sort_keys=True, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise ConfigError(f"{self.stem}: the record is not plain JSON: {error}") from error
        path = self.path(root)
        with atomic_path(path) as temporary:
            temporary.write_text(text + "\n")
        return path


def read_record(path: str | Path) -> RunRecord:
    """Read one record. Raises ConfigError naming the file and the key that is missing or wrong."""
    try:
        values = json.loads(Path(path).read_text())
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: cannot be read as JSON; record the run again: {error}") from error
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: expected a JSON object with the keys of a run")
    known = [f.name for f in fields(RunRecord) if f.name != "extra"]
    missing = [name for name in known if name not in values and name != "variant"]
    if missing:
        raise ConfigError(f"{path}: lacks the keys {', '.join(missing)}; record the run again")
    extra = {key: value for key, value in values.items() if key not in known}
    try:
        return RunRecord(**{key: values[key] for key in known if key in values}, extra=extra)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def list_records(root: str | Path, dataset: str) -> list[RunRecord]:
    """All records of a data set below the results folder `root`, sorted by file name."""
    return [read_record(path) for path in sorted((Path(root) / dataset).glob("*.json"))]


def provenance() -> dict[str, Any]:
    """The fields `device`, `versions` and `commit` of a run made now (commit "" outside a git checkout)."""
    installed = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            installed[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return {"device": _device(), "versions": installed, "commit": _commit()}


def fingerprint(images: int, train: Iterable[str], evaluation: Iterable[str]) -> dict[str, Any]:
    """How many images a run saw, and the SHA-256 of its sample ids, split by split."""
    names = "\n".join(["train", *sorted(train), "evaluation", *sorted(evaluation)])
    return {"images": images, "splits_sha256": hashlib.sha256(names.encode()).hexdigest()}


class Interval(NamedTuple):
    """A mean and the bounds of its 95% interval."""

    mean: float
    low: float
    high: float


def interval(values: Sequence[float]) -> Interval:
    """Mean over seeds and its 95% Student-t interval; one value alone has no spread, so its bounds are NaN."""
    values = np.asarray(values, dtype=np.float64)
    require(values.ndim == 1 and len(values) > 0, "values", values.tolist(), "at least one number")
    mean = values.mean()
    if len(values) == 1:
        return Interval(float(mean), float("nan"), float("nan"))
    half = stats.t.ppf(0.975, df=len(values) - 1) * stats.sem(values)
    return Interval(float(mean), float(mean - half), float(mean + half))


def require_name(field_name: str, value: Any) -> None:
    """Raise ConfigError unless `value` can be a part of a file name on every system."""
    ok = isinstance(value, str) and re.fullmatch(r"[a-z0-9][a-z0-9_.+]*(-[a-z0-9_.+]+)*", value)
    require(bool(ok), field_name, value, "lower-case letters, digits, '_', '.', '+' or '-'")


def _device() -> str:
    import torch  # slow to import, and reading records does not need it

    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return f"cpu ({platform.machine()}, {torch.get_num_threads()} threads)"


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        done = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
