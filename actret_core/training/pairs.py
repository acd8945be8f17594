"""Train the Reranking Transformer on pairs: a training image and one of its nearest other images."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from actret_core.config import require
from actret_core.distributed import join_batches
from actret_core.errors import DataError
from actret_core.models.baselines.rrt import Rrt, rerank_pairs
from actret_core.retrieval.distances import cosine_distances, nearest
from actret_core.retrieval.embeddings import Embeddings, unit_vectors
from actret_core.retrieval.metrics import same_action
from actret_core.retrieval.threads import chunks
from actret_core.training.batches import device_batches
from actret_core.training.config import TrainConfig
from actret_core.training.device import autocast, pick_device, pick_precision
from actret_core.training.fit import FitResult, fit


@torch.no_grad()  # not inference mode, whose tensors cannot be trained on
def collect(
    function: Callable[..., Tensor], model: nn.Module, dataset: Dataset, batch_size: int = 64, workers: int = 0,
    precision: str = "32-true", progress: bool = True,
) -> Tensor:
    """Apply `function`, a method of `model`, to the images of all samples, in order: [N, ...] float16."""
    model.to(pick_device(), memory_format=torch.channels_last).eval()
    half, out = autocast(precision), []
    for batch in device_batches(dataset, batch_size, workers, "maps", progress):
        with half:
            out.append(function(batch["image"]).half().cpu())
    return join_batches(out, len(dataset), batch_size)


def rank_others(embeddings: Embeddings, top: int | None = None) -> np.ndarray:
    """The `top` nearest other samples of every sample by cosine, nearest first, int32 [N, top]; default: all N - 1.

    Raises ConfigError if there are fewer than `top` other samples.
    """
    units, others = unit_vectors(embeddings.features, embeddings.ids), len(embeddings) - 1
    top = others if top is None else top
    wanted = f"1 to {others}: the gallery has {others} items beside the query; name fewer"
    require(1 <= top <= others, "top", top, wanted)
    out = np.empty((len(units), top), np.int32)
    for rows in chunks(len(units), 256):
        distances = cosine_distances(units[rows], units)                 # [q, N]
        distances[np.arange(len(distances)), np.arange(len(units))[rows]] = np.inf
        out[rows] = nearest(distances, top)
    return out


class PairDataset(Dataset):
    """Two pairs for every image: with a random candidate that shares its action, and with one that does not.

    maps [N, D, h, w]; candidates int [N, top], the nearest others by the global features; embeddings: say which images
    share an action. Images without candidates of both kinds are left out. An item is a dict of `first` and `second`
    [D, h, w], `target` [1] (1 for the same action, else 0) and `index`. Raises DataError if no image is left.
    """

    def __init__(self, maps: Tensor, embeddings: Embeddings, candidates: np.ndarray) -> None:
        self.maps, self.anchors, self.choices = maps, [], []
        relevant_to = same_action(embeddings, embeddings)
        for row, found in enumerate(candidates):
            relevant, counts = (hot[0, found] for hot in relevant_to(np.array([row])))
            positives, negatives = found[relevant], found[counts & ~relevant]
            if len(positives) and len(negatives):
                self.anchors.append(row)
                self.choices.append((torch.from_numpy(positives), torch.from_numpy(negatives)))
        if not self.anchors:
            raise DataError("pairs: every image's candidates are all of its action, or none is; name a larger `top`")

    def __len__(self) -> int:
        return 2 * len(self.anchors)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        anchor, kind = divmod(index, 2)                                  # kind 0 is the positive pair
        choices = self.choices[anchor][kind]
        other = choices[torch.randint(len(choices), ())]
        return {
            "first": self.maps[self.anchors[anchor]].float(), "second": self.maps[other].float(),
            "target": torch.tensor([1.0 - kind]), "index": torch.tensor(index),
        }


def train_pairs(
    model: Rrt, dataset: Dataset, embeddings: Embeddings, config: TrainConfig, out: Path, progress: bool = True,
    deadline: float = float("inf"),
) -> FitResult:
    """The second stage: train the pair transformer on maps of the training images; the global branch is frozen.

    `embeddings` are those of the global branch for `dataset`, which is not augmented. Resumes a run begun in `out`.
    """
    maps = collect(model.maps, model, dataset, 64, config.workers, config.precision, progress)
    pairs = PairDataset(maps, embeddings, rank_others(embeddings, model.config.top))
    return fit(model.pairs, pairs, None, config, out, progress, deadline)


def resort(
    model: Rrt, dataset: Dataset, embeddings: Embeddings, precision: str = "32-true", progress: bool = True
) -> np.ndarray:
    """Rank all other samples for every sample by global features and re-rank the best `top`: int32 [N, N - 1]."""
    local = collect(model.descriptors, model, dataset, 64, 0, precision, progress)
    half = pick_precision(precision) == "bf16-mixed"
    ranking = rank_others(embeddings)
    return rerank_pairs(model.pairs, ranking, local, local, model.config.top, half=half, progress=progress)
