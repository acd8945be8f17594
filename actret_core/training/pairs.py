"""What the Reranking Transformer learns from: pairs of a training image and one of its own best hundred."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from actret_core.config import require
from actret_core.errors import DataError
from actret_core.models.baselines.rrt import rerank_pairs
from actret_core.models.baselines.rrt import Rrt
from actret_core.distributed import join_batches
from actret_core.retrieval.distances import cosine_distances, nearest
from actret_core.retrieval.embeddings import Embeddings, unit_vectors
from actret_core.retrieval.metrics import same_action
from actret_core.retrieval.threads import chunks
from actret_core.training.batches import device_batches
from actret_core.training.config import TrainConfig
from actret_core.training.device import autocast, pick_device, pick_precision
from actret_core.training.fit import FitResult, fit


@torch.no_grad()  # and not inference mode: what comes out is trained on
def collect(
    function: Callable[..., Tensor], model: nn.Module, dataset: Dataset, batch_size: int = 64, workers: int = 0,
    precision: str = "32-true", progress: bool = True,
) -> Tensor:
    """`function`, a method of `model`, of all samples' images: [N, ...], float16, in the data set's order."""
    model.to(pick_device(), memory_format=torch.channels_last).eval()
    half, out = autocast(precision), []
    for batch in device_batches(dataset, batch_size, workers, "maps", progress):
        with half:
            out.append(function(batch["image"]).half().cpu())
    return join_batches(out, len(dataset), batch_size)


def rank_others(embeddings: Embeddings, top: int | None = None) -> np.ndarray:
    """The `top` nearest others of every sample by cosine, best first, int32 [N, top]; default: all N - 1 others.

    Raises ConfigError if there are fewer others.
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
    """For every image two pairs: with a random one of its candidates that shares its action, and one that does not.

    maps [N, D, h, w]; candidates int [N, top], the global ranking's best; `embeddings` say which share an action.
    Images whose candidates are all of one kind are left out. An item is `first`, `second` [D, h, w] and `target` [1].
    Raises DataError if no image is left.
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
        place, kind = divmod(index, 2)                                   # kind 0 is the positive
        choices = self.choices[place][kind]
        other = choices[torch.randint(len(choices), ())]
        return {
            "first": self.maps[self.anchors[place]].float(), "second": self.maps[other].float(),
            "target": torch.tensor([1.0 - kind]), "index": torch.tensor(index),
        }


def train_pairs(
    model: Rrt, dataset: Dataset, embeddings: Embeddings, config: TrainConfig, out: Path, progress: bool = True,
    deadline: float = float("inf"),
) -> FitResult:
    """The second stage: the global branch rests, and the pair transformer learns from its maps of the training images.

    `embeddings` are the global branch's of `dataset`, which is not augmented. Resumes a run begun in `out`.
    """
    maps = collect(model.maps, model, dataset, 64, config.workers, config.precision, progress)
    pairs = PairDataset(maps, embeddings, rank_others(embeddings, model.config.top))
    return fit(model.pairs, pairs, None, config, out, progress, deadline)


def resort(
    model: Rrt, dataset: Dataset, embeddings: Embeddings, precision: str = "32-true", progress: bool = True
) -> np.ndarray:
    """The global ranking of a data set within itself, its first `top` places sorted anew: int32 [N, N - 1]."""
    local = collect(model.descriptors, model, dataset, 64, 0, precision, progress)
    half = pick_precision(precision) == "bf16-mixed"
    ranking = rank_others(embeddings)
    return rerank_pairs(model.pairs, ranking, local, local, model.config.top, half=half, progress=progress)
