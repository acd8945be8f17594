"""Compute the region tokens of a whole data set with a frozen backbone."""

import numpy as np
import torch

from actret_core.data.dataset import ActionDataset
from actret_core.data.tokens import FrozenTokens, compress_tokens
from actret_core.models.region_net import RegionNet
from actret_core.training.batches import device_batches
from actret_core.training.device import autocast, pick_device


def extract_tokens(
    model: RegionNet, parts: dict[str, ActionDataset], dim: int, workers: int = 1, progress: bool = True
) -> FrozenTokens:
    """The tokens of all samples of `parts`, compressed to `dim` int8 values each.

    `parts` are data sets by name; that called "train" is the training set. `model` is not trained, but evaluated, in
    bfloat16 if the device has it.
    """
    computed = [_tokens(model, part, workers, progress) for part in parts.values()]
    tokens, mask = (np.concatenate(arrays) for arrays in zip(*computed, strict=True))
    samples = [s for part in parts.values() for s in part.split.samples]
    train = np.concatenate([np.full(len(part), name == "train") for name, part in parts.items()])
    values, scale = compress_tokens(tokens, mask, train, dim)
    boxes = np.zeros((len(samples), mask.shape[1] - 1, 4), np.uint16)
    context = [part.context[s.id] for part in parts.values() for s in part.split.samples]
    for row, sample, regions in zip(boxes, samples, context, strict=True):
        row[0], row[1 : 1 + len(regions)] = np.rint(sample.person), regions.round().numpy()
    return FrozenTokens(
        values, scale, (mask.sum(1) - 2).astype(np.uint8), boxes, np.array([s.labels[0] for s in samples], np.uint8),
        np.array([s.id for s in samples]), train, np.array(next(iter(parts.values())).split.actions),
    )


@torch.inference_mode()
def _tokens(
    model: RegionNet, part: ActionDataset, workers: int, progress: bool
) -> tuple[np.ndarray, np.ndarray]:
    model.to(pick_device(), memory_format=torch.channels_last).eval()
    half, out = autocast("auto"), []
    for batch in device_batches(part, 32, workers, f"tokens of {part.split.name}", progress):
        with half:
            tokens, mask = model.tokens(**{name: batch[name] for name in model.inputs})
        out.append((tokens.half().cpu(), mask.cpu()))
    tokens, mask = (torch.cat(part).numpy() for part in zip(*out, strict=True))
    return tokens.astype(np.float32), mask
