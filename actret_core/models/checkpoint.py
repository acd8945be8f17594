"""A trained model on disk: safetensors, with its method and config in the metadata."""

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from actret_core.config import config_from_dict
from actret_core.errors import CheckpointError
from actret_core.models.methods import METHODS, build_model, method_of


def save_model(path: Path, model: nn.Module) -> None:
    """Write weights, method and config, whole or not at all."""
    state = {k: v.contiguous() for k, v in model.state_dict().items()}
    temporary = Path(f"{path}.part")
    config = json.dumps(asdict(model.config))
    save_file(state, temporary, metadata={"method": method_of(model.config), "config": config})
    os.replace(temporary, path)


def load_model(path: Path, expected: Any = None) -> nn.Module:
    """Read a model of any method that `save_model` wrote.

    Raises CheckpointError if the file is absent, damaged or without a config, or if its config is not `expected`;
    then the message names the method, or the fields that differ.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
        state = load_file(path)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path}: not a readable checkpoint ({error})") from None
    config = _config(path, metadata)
    if expected is not None:
        _compare(path, config, expected)
    model = build_model(config)
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        raise CheckpointError(f"{path}: weights do not fit its config; {str(error).splitlines()[-1].strip()}") from None
    return model


def _config(path: Path, metadata: dict[str, str]) -> Any:
    if "config" not in metadata:
        raise CheckpointError(f"{path}: holds no config; backbone weights are loaded by `load_backbone`")
    name = metadata.get("method", "region_net")  # the only one, when files did not name it
    if name not in METHODS:
        raise CheckpointError(f"{path}: of the method {name!r}, which is none of {', '.join(METHODS)}")
    try:
        return config_from_dict(METHODS[name].config, json.loads(metadata["config"]))
    except ValueError as error:
        raise CheckpointError(f"{path}: its config is not of this version ({error}); train the model again") from None


def _compare(path: Path, config: Any, expected: Any) -> None:
    theirs, ours = method_of(config), method_of(expected)
    if theirs != ours:
        raise CheckpointError(
            f"{path}: a checkpoint of {theirs} (wanted {ours}); name a file that was trained as {ours}"
        )
    if config != expected:
        wanted, found = asdict(expected), asdict(config)
        differ = ", ".join(f"{k} {found[k]!r} (wanted {wanted[k]!r})" for k in wanted if wanted[k] != found[k])
        raise CheckpointError(f"{path}: a checkpoint of another config: {differ}")
