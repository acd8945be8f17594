"""Embed a data set: the features and logits of a trained model for every sample."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import nn
from torch.utils.data import Dataset

from actret_core.data.sample import ActionSplit
from actret_core.distributed import join_batches
from actret_core.retrieval.embeddings import Embeddings
from actret_core.training.batches import device_batches, run_model
from actret_core.training.device import autocast, pick_device


class Embedded(NamedTuple):
    """The `features` [N, D] and `logits` [N, C] of all samples, in the data set's order, float32."""

    features: np.ndarray
    logits: np.ndarray


def embed(
    model: nn.Module, dataset: Dataset, batch_size: int = 64, workers: int = 0,
    precision: str = "32-true", progress: bool = True,
) -> Embedded:
    """Run `model` in evaluation mode over a data set whose items hold the model's `inputs`.

    `precision` is as in TrainConfig. Several processes share the work, and each returns the whole result.
    """
    half, outputs = autocast(precision), []
    model.to(pick_device(), memory_format=torch.channels_last).eval()
    with torch.inference_mode():  # does not include `to`: weights that are moved in this mode cannot be trained again
        for batch in device_batches(dataset, batch_size, workers, "embedding", progress):
            with half:
                out = run_model(model, batch)
            outputs.append((out.embedding.float().cpu(), out.logits.float().cpu()))
    parts = zip(*outputs, strict=True) if outputs else ((), ())          # more processes than batches
    return Embedded(*(join_batches(list(part), len(dataset), batch_size).numpy() for part in parts))


def embed_views(
    model: nn.Module, views: Sequence[Dataset], batch_size: int = 64, workers: int = 0,
    precision: str = "32-true", progress: bool = True,
) -> Embedded:
    """The mean over several views of the same samples, such as a split and its mirror images; see `embed`."""
    found = [embed(model, view, batch_size, workers, precision, progress) for view in views]
    return Embedded(*(mean_view(arrays) for arrays in zip(*found, strict=True)))


def mean_view(views: Sequence[np.ndarray]) -> np.ndarray:
    """The mean of the features, or of the logits, of several views of the same samples."""
    return sum(views) / len(views)


def to_embeddings(split: ActionSplit, features: np.ndarray) -> Embeddings:
    """Features [N, D] of a split, with its labels and ids.

    Labels are [N] if every sample has exactly one action, else multi-hot [N, C]. If several persons share a photograph
    (VOC), those of one photograph form a group.
    """
    targets = split.targets
    single = (targets.sum(1) == 1).all()
    images = np.array([s.image_id for s in split.samples])
    groups = images if len(set(images)) < len(images) else None
    return Embeddings(features, targets.argmax(1) if single else targets, np.array(split.ids), groups)
