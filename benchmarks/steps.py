"""Timed training steps: those of `fit`, and those of the bare network."""

import tempfile
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from actret_core.data.augment import Augment
from actret_core.data.dataset import ActionDataset
from actret_core.data.photos import PhotoInfo
from actret_core.data.sample import ActionSample, ActionSplit
from actret_core.data.store import Store, write_store
from actret_core.data.transforms import store_side
from actret_core.experiments.presets import DEMO, PAPER, Preset
from actret_core.models.methods import build_model
from actret_core.training.batches import device_batches, run_model
from actret_core.training.device import autocast, pick_device
from actret_core.training.fit import fit
from actret_core.training.module import action_loss
from actret_core.training.schedule import build_optimizer
from benchmarks.suite import Case, Measured

PHOTOS, CLASSES, SIZE = 256, 12, (320, 256)
NETWORKS = {"resnet50": PAPER, "small": DEMO}


def draw(_: Path, work: Path, n: int, dim: int) -> Path:
    """A store of `PHOTOS` photographs for dim x dim pixels, once."""
    path, side, rng = work / f"noise-{dim}.photos.npy", store_side(dim), np.random.default_rng(0)
    info = PhotoInfo("noise", tuple(f"{i}.jpg" for i in range(PHOTOS)), side, "")
    write_store(path, info, lambda done: (rng.integers(0, 256, (1, *info.row), np.uint8) for _ in range(done, PHOTOS)))
    return path


def read(path: Path) -> Store:
    """What `draw` wrote."""
    return Store(path, PhotoInfo)


@dataclass
class Steps:
    """A forward hook that takes the time of a model's passes.

    From pass number `first` to pass number `last`, it notes the time before every `each`-th one.
    """

    first: int
    last: int
    each: int
    count: int = 0
    times: list[float] = field(default_factory=list)

    def __call__(self, *_: Any) -> None:
        if self.first <= self.count <= self.last and (self.count - self.first) % self.each == 0:
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            self.times.append(time.perf_counter())
        self.count += 1

    def measured(self, case: Case) -> Measured:
        """Median images a second and ms an image between two noted times; mean ms an image; peak MB on a GPU."""
        stretches = 1000 * np.diff(self.times) / (case.n * self.each)    # ms an image
        median = float(np.median(stretches))
        gpu = {"gpu_mb": torch.cuda.max_memory_allocated() / 2**20} if torch.cuda.is_available() else {}
        mean = float(stretches.mean())
        return {"images_per_s": 1000 / median, "ms_per_image": median, "ms_per_image_mean": mean} | gpu


def by_fit(photos: Store, case: Case) -> tuple[Measured, nn.Module]:
    """The whole data path: store, loading processes, transfer, augmentation, mix-up, logs."""
    preset, model, steps = _begin(case)
    train = preset.train
    with tempfile.TemporaryDirectory() as out:
        fit(model, _dataset(photos, case, preset, train.augment), None, train, Path(out), progress=False)
    return steps.measured(case), model


def bare(photos: Store, case: Case) -> tuple[Measured, nn.Module]:
    """Forward, loss, backward and optimizer on one batch that is on the device already."""
    preset, model, steps = _begin(case)
    batch = next(device_batches(_dataset(photos, case, preset), case.n, progress=False))
    model.to(pick_device(), memory_format=torch.channels_last).train()
    optimizer, half = build_optimizer(model.parameters(), preset.train), autocast(preset.train.precision)
    while steps.count <= steps.last:
        optimizer.zero_grad()
        with half:
            output = run_model(model, batch)
            loss = action_loss(output.logits.float(), batch["target"], preset.train)
        loss.backward()
        optimizer.step()
    return steps.measured(case), model


def _begin(case: Case) -> tuple[Preset, nn.Module, Steps]:
    preset = NETWORKS[case.settings["network"]]
    train = replace(preset.train, epochs=1, batch_size=case.n, schedule="constant", held_out=0.0)
    preset = replace(preset, model=replace(preset.model, image_size=case.dim, classes=CLASSES), train=train)
    torch.manual_seed(0)
    model, first = build_model(preset.model), case.settings["warm"]
    steps = Steps(first, first + case.settings["steps"], case.settings["each"])
    model.register_forward_pre_hook(steps)
    return preset, model, steps


def _dataset(photos: Store, case: Case, preset: Preset, augment: Augment = Augment()) -> ActionDataset:
    """As many samples as the steps need, with the photographs repeated in turn."""
    names, (width, height) = photos.info.names, SIZE
    samples = tuple(
        ActionSample(str(i), Path(names[i % PHOTOS]), SIZE, (0.3 * width, 0.2 * height, 0.7 * width, 0.9 * height),
                     (i % CLASSES,))
        for i in range(case.n * (case.settings["warm"] + case.settings["steps"] + 1))
    )
    split = ActionSplit("noise", "train", tuple(f"action {i}" for i in range(CLASSES)), samples)
    regions = torch.tensor([[0.1 * width, 0.1 * height, 0.5 * width, 0.6 * height]]).repeat(preset.model.k, 1)
    context = dict.fromkeys(split.ids, regions + torch.arange(preset.model.k)[:, None])
    return ActionDataset(split, context, preset.model.k, case.dim, photos, augment)


def quality(_: Store, case: Case, model: nn.Module) -> Measured:
    """The size of the network, in millions of parameters; it is the same for both."""
    return {"parameters_m": sum(p.numel() for p in model.parameters()) / 1e6}


def too_large(case: Case) -> str:
    """Why a case is not run: on a CPU, a batch of 128 takes minutes."""
    return "a batch of this size asks for a GPU" if case.n > 64 and not torch.cuda.is_available() else ""
