"""Read out what a trained model makes of every sample."""

from typing import NamedTuple

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset
from tqdm.auto import tqdm


class Embedded(NamedTuple):
    """Of every sample, in the data set's order: `features` [N, D] and `logits` [N, C], float32."""

    features: np.ndarray
    logits: np.ndarray


@torch.inference_mode()
def embed(model: nn.Module, dataset: Dataset, batch_size: int = 64, workers: int = 0, progress: bool = True) -> Embedded:
    """Run `model` in evaluation mode, in float32, over a data set whose items hold the model's `inputs`."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model.to(device).eval()
    loader = DataLoader(dataset, batch_size, num_workers=workers)
    outputs = []
    for batch in tqdm(loader, "embedding", disable=not progress, unit="batch"):
        out = model(**{name: batch[name].to(device) for name in model.inputs})
        outputs.append((out.embedding.float().cpu(), out.logits.float().cpu()))
    features, logits = (torch.cat(part).numpy() for part in zip(*outputs, strict=True))
    return Embedded(features, logits)
