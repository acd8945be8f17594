"""A trained model on disk: safetensors, with its config in the metadata."""

import json
import os
from dataclasses import asdict
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file

from actret_core.config import config_from_dict
from actret_core.errors import CheckpointError
from actret_core.models.config import RegionNetConfig
from actret_core.models.region_net import RegionNet


def save_model(path: Path, model: RegionNet) -> None:
    """Write weights and config, whole or not at all."""
    state = {k: v.contiguous() for k, v in model.state_dict().items()}
    temporary = Path(f"{path}.part")
    save_file(state, temporary, metadata={"config": json.dumps(asdict(model.config))})
    os.replace(temporary, path)


def load_model(path: Path, expected: RegionNetConfig | None = None) -> RegionNet:
    """Read a model that `save_model` wrote.

    Raises CheckpointError if the file is absent, damaged or without a config, or if its config is not `expected`;
    then the message names the fields that differ.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
        state = load_file(path)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path}: not a readable checkpoint ({error})") from None
    if "config" not in metadata:
        raise CheckpointError(f"{path}: holds no config; backbone weights are loaded by `load_backbone`")
    try:
        config = config_from_dict(RegionNetConfig, json.loads(metadata["config"]))
    except ValueError as error:
        raise CheckpointError(f"{path}: its config is not of this version ({error}); train the model again") from None
    if expected is not None and config != expected:
        ours, theirs = asdict(expected), asdict(config)
        differ = ", ".join(f"{k} {theirs[k]!r} (wanted {ours[k]!r})" for k in ours if ours[k] != theirs[k])
        raise CheckpointError(f"{path}: a checkpoint of another config: {differ}")
    model = RegionNet(config)
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        raise CheckpointError(f"{path}: weights do not fit its config; {str(error).splitlines()[-1].strip()}") from None
    return model
