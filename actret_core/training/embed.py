"""Read out what a trained model makes of every sample."""

from typing import NamedTuple

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from actret_core.training.fit import pick_precision


class Embedded(NamedTuple):
    """Of every sample, in the data set's order: `features` [N, D] and `logits` [N, C], float32."""

    features: np.ndarray
    logits: np.ndarray


def embed(
    model: nn.Module, dataset: Dataset, batch_size: int = 64, workers: int = 0,
    precision: str = "32-true", progress: bool = True,
) -> Embedded:
    """Run `model` in evaluation mode over a data set whose items hold the model's `inputs`.

    `precision` is as in TrainConfig.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model.to(device, memory_format=torch.channels_last).eval()
    half, outputs = pick_precision(precision) == "bf16-mixed", []
    loader = DataLoader(dataset, batch_size, num_workers=workers)
    with torch.inference_mode():  # not around the move to the device: weights moved within it could not learn again
        for batch in tqdm(loader, "embedding", disable=not progress, unit="batch"):
            with torch.autocast(device.type, torch.bfloat16, enabled=half):
                out = model(**{name: batch[name].to(device) for name in model.inputs})
            outputs.append((out.embedding.float().cpu(), out.logits.float().cpu()))
    features, logits = (torch.cat(part).numpy() for part in zip(*outputs, strict=True))
    return Embedded(features, logits)
