"""Runs on the tokens of a frozen backbone: the fusion transformer alone learns, in seconds."""

import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from actret_core.action_data import ActionData
from actret_core.config import require
from actret_core.data.tokens import FrozenTokens
from actret_core.experiment import train_on_tokens
from actret_core.locks import lock
from actret_core.models.region_net import RegionNet
from actret_core.models.weights import load_backbone
from actret_core.parallel import world
from actret_core.presets import Preset
from actret_core.recording import assess, fingerprint
from actret_core.results import RunRecord, provenance
from actret_core.retrieval import Embeddings
from actret_core.training.tokens import extract_tokens


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
