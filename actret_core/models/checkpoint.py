"""A trained model on disk: a safetensors file with the method and its config in the metadata."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from actret_core.config import config_from_dict
from actret_core.errors import CheckpointError
from actret_core.files import atomic_path
from actret_core.models.methods import METHODS, build_model, method_of


def save_model(path: Path, model: nn.Module) -> None:
    """Write weights, method and config, completely or not at all."""
    state = {k: v.contiguous() for k, v in model.state_dict().items()}
    metadata = {"method": method_of(model.config), "config": json.dumps(asdict(model.config))}
    with atomic_path(path) as temporary:
        save_file(state, temporary, metadata=metadata)


def load_model(path: Path) -> nn.Module:
    """Read a model that `save_model` wrote, of any method.

    Raises CheckpointError if the file is missing or damaged, has no config, or one that its weights do not fit.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
        state = load_file(path)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path}: not a readable checkpoint ({error})") from None
    model = build_model(_config(path, metadata))
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        raise CheckpointError(f"{path}: weights do not fit its config; {str(error).splitlines()[-1].strip()}") from None
    return model


def _config(path: Path, metadata: dict[str, str]) -> Any:
    if "config" not in metadata:
        raise CheckpointError(f"{path}: holds no config; backbone weights are loaded by `load_backbone`")
    name = metadata.get("method", "region_net")  # files without a method are older than the other methods
    if name not in METHODS:
        raise CheckpointError(f"{path}: of the method {name!r}, which is none of {', '.join(METHODS)}")
    try:
        return config_from_dict(METHODS[name].config, json.loads(metadata["config"]))
    except ValueError as error:
        raise CheckpointError(f"{path}: its config is not of this version ({error}); train the model again") from None
