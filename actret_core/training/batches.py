"""Batches: the samples of each (shuffled, or equally many of a few actions), and how they reach the device."""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from pytorch_metric_learning.samplers import MPerClassSampler
from torch import Generator, Tensor, nn
from torch.utils.data import BatchSampler, DataLoader, Dataset, Sampler
from tqdm import tqdm

from actret_core.config import require
from actret_core.distributed import rank, world
from actret_core.errors import DataError
from actret_core.models.config import Output
from actret_core.training.config import TrainConfig
from actret_core.training.device import pick_device

Batch = dict[str, Tensor]
Prepare = Callable[[Batch, Generator | None], Batch]


def train_loader(dataset: Dataset, config: TrainConfig) -> DataLoader:
    """Random batches for training; each process gets its part of every batch.

    Raises DataError if an action has no sample, ConfigError if `batch_size` or `per_class` does not suit the samples or
    the number of processes.
    """
    targets = getattr(dataset, "targets", None)
    if targets is not None:
        check_actions(targets, _names(dataset))
    fits = targets is not None or not config.per_class
    require(fits, "per_class", config.per_class, "0: this data set has no targets")
    least, size = max(config.per_class, 2) * world(), config.batch_size
    shared = world() == 1 or size % least == 0
    require(shared, "batch_size", size, f"a multiple of {least}: it is shared by {world()} processes")
    balanced = balanced_sampler(targets, config, _names(dataset)) if config.per_class else None
    order = EpochOrder(len(dataset), config.seed, balanced)
    return _loader(dataset, config, batch_sampler=SharedBatches(order, config.batch_size))


def held_out_loader(dataset: Dataset, config: TrainConfig) -> DataLoader:
    """The held-out samples in order; with several processes, each has every world()-th of them."""
    own = range(rank(), len(dataset), world())
    require(len(own) > 0, "held_out", config.held_out, f"a part of at least {world()} samples, one for each process")
    return _loader(dataset, config, sampler=own, batch_size=-(-config.batch_size // world()))


def device_batches(
    dataset: Dataset, batch_size: int, workers: int = 0, label: str = "", progress: bool = True
) -> Iterator[Batch]:
    """All samples in order, as batches on the GPU if there is one, prepared as input of a model.

    With several processes, each has every world()-th batch: `distributed.join_batches` gathers their results. `label`
    names the progress bar.
    """
    device, prepare, every = pick_device(), preparation(dataset), range(len(dataset))
    own = [every[start : start + batch_size] for start in every[::batch_size]][rank() :: world()]
    loader = DataLoader(
        stored(dataset), batch_sampler=own, num_workers=workers, pin_memory=device.type == "cuda"
    )
    for batch in tqdm(loader, label, disable=not progress or rank() > 0, unit="batch"):
        yield prepare({name: value.to(device, non_blocking=True) for name, value in batch.items()}, None)


def stored(dataset: Dataset) -> Dataset:
    """The samples that data loading processes read: a data set's `raw` samples if it has them, else its items."""
    return getattr(dataset, "raw", dataset)


def preparation(dataset: Dataset) -> Prepare:
    """The function that turns a loaded batch into input of a model: a data set's `prepare`, else the identity."""
    return getattr(dataset, "prepare", lambda batch, _: batch)


def run_model(model: nn.Module, batch: Batch) -> Output:
    """The model's output for a batch, of which it receives the entries that its `inputs` name."""
    return model(**{name: batch[name] for name in model.inputs})


def _loader(dataset: Dataset, config: TrainConfig, **options: object) -> DataLoader:
    generator = torch.Generator().manual_seed(config.seed)  # not the global one, from which dropout draws
    return DataLoader(
        stored(dataset), num_workers=config.workers, persistent_workers=config.workers > 0,
        pin_memory=torch.cuda.is_available(), generator=generator, **options,
    )


def check_actions(targets: torch.Tensor, names: tuple[str, ...]) -> None:
    """Raise DataError, naming them, if actions have no sample. targets [N, C]; names of the C actions, or ()."""
    absent = (~(targets > 0).any(0)).nonzero().flatten().tolist()
    if absent:
        first = ", ".join(names[i] if names else str(i) for i in absent[:3])
        raise DataError(
            f"training set: no sample of {len(absent)} of {targets.shape[1]} actions, first {first}; add some, or "
            "leave the action out of the data set's list of actions"
        )


def balanced_sampler(targets: torch.Tensor, config: TrainConfig, names: tuple[str, ...] = ()) -> MPerClassSampler:
    """Batches of batch_size / per_class random actions with `per_class` samples each (PK sampling).

    targets [N, C]; names of the C actions, or (). A sample of several actions counts under its first one, the samples
    without an action as one more action. An action with fewer than `per_class` samples raises ConfigError, naming it:
    pytorch-metric-learning would repeat its samples within a batch, which makes positive pairs of distance zero.
    """
    labels = torch.where(targets.any(1), targets.argmax(1), targets.shape[1]).numpy()
    actions, counts = np.unique(labels, return_counts=True)
    fewest, each, size = counts.argmin(), config.per_class, config.batch_size
    name = (*names, "none")[actions[fewest]] if names else actions[fewest]
    require(counts[fewest] >= each, "per_class", each,
            f"at most {counts[fewest]}, the training samples of {name!s}; lower it, or 0 for a plain shuffle")
    require(len(actions) * each >= size, "batch_size", size,
            f"at most {len(actions) * each}: {each} of each of {len(actions)} actions; lower it or raise per_class")
    return MPerClassSampler(labels, each, size, length_before_new_iter=len(labels))


def _names(dataset: Dataset) -> tuple[str, ...]:
    split = getattr(dataset, "split", None)
    return split.actions if split is not None else ()


class EpochOrder(Sampler[int]):
    """The order of all samples in an epoch, or the samples that `balanced` chooses.

    It is random, but depends on seed and epoch only: it is the same in every process and in a resumed run.
    """

    def __init__(self, count: int, seed: int, balanced: MPerClassSampler | None = None) -> None:
        self.count, self.seed, self.balanced, self.epoch = count, seed, balanced, 0

    def set_epoch(self, epoch: int) -> None:
        """Lightning calls this before each epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.count if self.balanced is None else len(self.balanced)

    def __iter__(self) -> Iterator[int]:
        if self.balanced is None:
            return iter(np.random.default_rng([self.seed, self.epoch]).permutation(self.count).tolist())
        self.balanced.labels.sort()              # the sampler shuffles them in place in every epoch,
        np.random.seed([self.seed, self.epoch])  # and uses NumPy's global random numbers
        return iter(self.balanced)


class SharedBatches(BatchSampler):
    """Batches of which each process has an equal part; a single process has the whole batch.

    Samples that cannot be shared equally are dropped, and so is a part of one sample, which batch norm cannot handle.
    """

    def __init__(self, order: EpochOrder, batch_size: int) -> None:
        super().__init__(order, batch_size, drop_last=False)

    def __len__(self) -> int:
        full, rest = divmod(len(self.sampler), self.batch_size)
        return full + (rest // world() > 1)

    def __iter__(self) -> Iterator[list[int]]:
        for batch in super().__iter__():
            each = len(batch) // world()
            if each > 1:
                yield batch[rank() * each : (rank() + 1) * each]
