"""In which order a training sees its samples, and how several processes share a batch."""

from collections.abc import Iterator

import numpy as np
from pytorch_metric_learning.samplers import MPerClassSampler
from torch.utils.data import BatchSampler, Sampler

from actret_core.parallel import rank, world


class EpochOrder(Sampler[int]):
    """All samples, shuffled by seed and epoch alone: the same in every process and in a resumed run.

    With `balanced`, its choice of samples instead.
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
        self.balanced.labels.sort()              # which the epoch before has shuffled in place,
        np.random.seed([self.seed, self.epoch])  # by the only chance that pytorch-metric-learning knows
        return iter(self.balanced)


class SharedBatches(BatchSampler):
    """Every batch in equal parts, and of these the one of this process; alone, it has the whole.

    What is left over by an equal share is dropped, and so is a part of one sample, which would break the batch norm.
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
