"""A run in several processes, one for each GPU: their numbers, and how they exchange values.

In a run of a single process, `world()` is 1, `rank()` is 0, and the other functions return their input.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from actret_core.config import require
from actret_core.errors import ActretError

T = TypeVar("T")
TIMEOUT = timedelta(hours=3)  # the other processes wait while the first one decodes photographs or re-ranks


@contextmanager
def processes() -> Iterator[None]:
    """Connect the processes that torchrun has started, one for each GPU; does nothing without torchrun.

    Raises ConfigError if there are more processes than GPUs.
    """
    if not dist.is_torchelastic_launched() or dist.is_initialized():
        yield
        return
    gpus, local = torch.cuda.device_count(), int(os.environ["LOCAL_RANK"])
    require(not gpus or local < gpus, "nproc_per_node", os.environ["LOCAL_WORLD_SIZE"], f"at most the {gpus} GPUs")
    if gpus:
        torch.cuda.set_device(local)
    dist.init_process_group("cpu:gloo,cuda:nccl" if gpus else "gloo", timeout=TIMEOUT)
    yield
    dist.destroy_process_group()


def world() -> int:
    """The number of processes."""
    return dist.get_world_size() if dist.is_initialized() else 1


def rank() -> int:
    """The number of this process, from 0. Process 0, the first, writes all files."""
    return dist.get_rank() if dist.is_initialized() else 0


@contextmanager
def first_alone() -> Iterator[None]:
    """Run the block in the first process, then in the others, which find the files that the first has written.

    An ActretError in the first process is raised in all.
    """
    error = from_first(None) if rank() else None
    if error:
        raise error
    try:
        yield
    except ActretError as raised:
        error = raised
        raise
    finally:
        if rank() == 0:
            from_first(error)


def from_first(value: T) -> T:
    """The `value` of the first process, in all processes."""
    if world() == 1:
        return value
    box = [value]
    dist.broadcast_object_list(box, src=0)
    return box[0]


def on_first(function: Callable[[], T]) -> T:
    """Call `function` in the first process alone, and return its result in all, or raise its ActretError in all."""
    result = None
    with first_alone():
        if rank() == 0:
            result = function()
    return from_first(result)


def join_batches(parts: list[Tensor], count: int, batch_size: int) -> Tensor:
    """Gather the rows of a data set of `count` items in every process, in order: [count, ...].

    `parts` are the batches of this process: of all batches of `batch_size` rows, those numbered rank(),
    rank() + world(), and so on, from 0. No row is padded or repeated.
    """
    if world() == 1:
        return torch.cat(parts)
    shape, dtype = from_first((parts[0].shape[1:], parts[0].dtype) if parts else None)
    whole = torch.zeros(count, *shape, dtype=dtype)
    for rows, part in zip(whole.split(batch_size)[rank() :: world()], parts, strict=True):
        rows.copy_(part)
    dist.all_reduce(whole)                                               # a sum: rows of other processes are zeros
    return whole


@torch.no_grad()
def average(tensors: Iterable[Tensor]) -> None:
    """Replace each tensor, in place, by its mean over all processes."""
    if world() == 1:
        return
    tensors = list(tensors)
    for work in [dist.all_reduce(tensor, async_op=True) for tensor in tensors]:
        work.wait()
    for tensor in tensors:
        tensor.div_(world())


def average_gradients(parameters: Iterable[Tensor]) -> None:
    """Replace each gradient by its mean over all processes.

    Where a process has no gradient for a parameter, it counts as zero. A parameter that has none in any process keeps
    none.
    """
    parameters = [p for p in parameters if p.requires_grad]
    if world() == 1 or not parameters:
        return
    used = torch.tensor([float(p.grad is not None) for p in parameters], device=parameters[0].device)
    average([used])
    learned = [p for p, share in zip(parameters, used.tolist(), strict=True) if share]
    for parameter in learned:
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
    average(p.grad for p in learned)
