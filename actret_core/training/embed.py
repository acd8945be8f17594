"""Read out what a trained model makes of every sample."""

from typing import NamedTuple

import numpy as np
import torch
from torch import nn
from torch.utils.data import Dataset

from actret_core.data.sample import ActionSplit
from actret_core.distributed import join_batches
from actret_core.retrieval.embeddings import Embeddings
from actret_core.training.batches import device_batches
from actret_core.training.device import autocast, pick_device


class Embedded(NamedTuple):
    """Of every sample, in the data set's order: `features` [N, D] and `logits` [N, C], float32."""

    features: np.ndarray
    logits: np.ndarray


def embed(
    model: nn.Module, dataset: Dataset, batch_size: int = 64, workers: int = 0,
    precision: str = "32-true", progress: bool = True,
) -> Embedded:
    """Run `model` in evaluation mode over a data set whose items hold the model's `inputs`.

    `precision` is as in TrainConfig. Several processes share the work, and all receive the whole.
    """
    half, outputs = autocast(precision), []
    model.to(pick_device(), memory_format=torch.channels_last).eval()
    with torch.inference_mode():  # not around the move to the device: weights moved within it could not learn again
        for batch in device_batches(dataset, batch_size, workers, "embedding", progress):
            with half:
                out = model(**{name: batch[name] for name in model.inputs})
            outputs.append((out.embedding.float().cpu(), out.logits.float().cpu()))
    parts = zip(*outputs, strict=True) if outputs else ((), ())          # more processes than batches
    return Embedded(*(join_batches(list(part), len(dataset), batch_size).numpy() for part in parts))


def to_embeddings(split: ActionSplit, features: np.ndarray) -> Embeddings:
    """Features [N, D] of a split with its labels and ids; persons of one photograph form a group (VOC)."""
    targets = split.targets
    single = (targets.sum(1) == 1).all()
    images = np.array([s.image_id for s in split.samples])
    groups = images if len(set(images)) < len(images) else None
    return Embeddings(features, targets.argmax(1) if single else targets, np.array(split.ids), groups)
