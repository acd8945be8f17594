"""Train a model: with checkpoints, resumable, logged, reproducible from its seed, in one process or several."""

import csv
import json
import logging
import os
import warnings
from dataclasses import asdict
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, NamedTuple

import lightning as L
import torch
from lightning.pytorch.callbacks import Callback, LearningRateMonitor, ModelCheckpoint, TQDMProgressBar
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from torch import nn
from torch.utils.data import Dataset

from actret_core.distributed import on_first, world
from actret_core.errors import CheckpointError
from actret_core.files import UNREADABLE, atomic_path
from actret_core.training.batches import held_out_loader, preparation, train_loader
from actret_core.training.callbacks import Clock, Deadline, KeepLast, Losses, Stopping
from actret_core.training.config import TrainConfig
from actret_core.training.device import pick_precision
from actret_core.training.module import ActionModule


class FitResult(NamedTuple):
    """The result of a run, all its resumed parts together.

    epochs: how many were trained; wall_seconds: of training; losses: mean training loss of each epoch; halved: each
    time memory ran out, the size of the smaller parts that batches were then split into, () if it never did.
    """

    epochs: int
    wall_seconds: float
    losses: tuple[float, ...] = ()
    halved: tuple[int, ...] = ()


class OutOfTime(Exception):
    """A training was stopped by its deadline after a complete epoch; the same call resumes it."""


def fit(
    model: nn.Module, train: Dataset, held_out: Dataset | None, config: TrainConfig, out: Path, progress: bool = True,
    deadline: float = float("inf"),
) -> FitResult:
    """Train `model` in place; called again with the same `out`, it resumes after the last complete epoch.

    With `held_out`, training stops early by the loss on it, and the model gets the weights of the best epoch. Without,
    it gets those of the last epoch. With `config.ema`, both are moving averages. `out` receives `config.json`,
    `last.ckpt`, `best.ckpt`, and `logs` with a folder for each resumed part: `metrics.csv` and TensorBoard's file.
    Several processes share each batch.

    Raises OutOfTime after the last epoch that ends before `deadline`, by `time.monotonic`; CheckpointError if `out`
    holds a run of another config, or a damaged checkpoint; DataError or ConfigError if the samples do not suit the
    batches of the config; ConfigError if the device lacks the precision, or memory for two samples.
    """
    out, precision = Path(out), pick_precision(config.precision)
    loaders = [train_loader(train, config), held_out and held_out_loader(held_out, config)]
    on_first(lambda: _write_config(out, {"model": asdict(model.config), "train": asdict(config)}))
    L.seed_everything(config.seed, workers=True, verbose=False)
    model.to(memory_format=torch.channels_last).train()  # Lightning keeps the mode it finds
    if config.compile:
        getattr(model, "backbone", model).compile()  # other parts have shapes that change
    module = ActionModule(model, config, preparation(train), held_out and preparation(held_out))
    clock, losses, end, last = Clock(), Losses(), Deadline(deadline), out / "last.ckpt"
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"lightning\.")  # hints on workers, folders and empty loops
        trainer = _trainer(config, precision, out, [clock, losses, end], held_out is not None, progress)
        if last.exists():
            # data loading processes fetch their first samples before Lightning sets the epoch
            loaders[0].batch_sampler.sampler.set_epoch(_last_epoch(last) + 1)
        trainer.fit(module, *loaders, ckpt_path=last if last.exists() else None)
    if end.passed:
        raise OutOfTime(f"{out}: stopped after epoch {trainer.current_epoch} of {config.epochs}; call again to resume")
    if held_out is not None:
        state = torch.load(out / "best.ckpt", weights_only=False)  # written by the lines above
        module.load_state_dict(state["state_dict"])
    model.load_state_dict(module.learned.state_dict())
    epochs = trainer.current_epoch
    return on_first(
        lambda: FitResult(epochs, clock.seconds, _losses(out, losses.by_epoch, epochs), module.halved)
    )


def _losses(out: Path, kept: dict[int, float], epochs: int) -> tuple[float, ...]:
    """The training loss of each epoch: as kept in the checkpoint, or, where an older version began, from the logs."""
    by_epoch = {}
    for path in sorted(out.glob("logs/version_*/metrics.csv"), key=lambda path: int(path.parent.name[8:])):
        with open(path, newline="") as file:
            rows = [row for row in csv.DictReader(file) if row.get("train_loss")]
        by_epoch |= {int(row["epoch"]): float(row["train_loss"]) for row in rows}
    return tuple(loss for epoch, loss in sorted((by_epoch | kept).items()) if epoch < epochs)


def _last_epoch(last: Path) -> int:
    """The epoch after which a checkpoint was written. Raises CheckpointError if it is empty, cut short or damaged."""
    try:
        return torch.load(last, weights_only=False, mmap=True)["epoch"]
    except (*UNREADABLE, RuntimeError, UnpicklingError) as error:
        reason = str(error).partition(". ")[0] or type(error).__name__
        raise CheckpointError(
            f"{last}: not a complete checkpoint ({reason}); delete it, and the training begins from its start"
        ) from error


def _write_config(out: Path, config: dict[str, Any]) -> None:
    """Write the run's config into `out`; one that is cut short is replaced, with a warning.

    Raises CheckpointError if `out` holds a run of another config.
    """
    path, wanted = out / "config.json", json.loads(json.dumps(config))  # JSON turns tuples into lists
    found = _read_config(path)
    if found == wanted:
        return
    if found is not None:
        raise CheckpointError(f"{path}: a run of another config stands there; name another folder or delete it")
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(config, indent=2))


def _read_config(path: Path) -> Any:
    """The config in a file; None if there is no file, or none that can be read."""
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        return None
    except ValueError:  # cut short, by an older version or a full disk
        warnings.warn(f"{path}: cut short, written again; delete {path.parent} if it held another config", stacklevel=2)
        return None


def _trainer(
    config: TrainConfig, precision: str, out: Path, callbacks: list[Callback], stops_early: bool, progress: bool
) -> L.Trainer:
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)  # no tips, no list of hardware
    callbacks = [*callbacks, LearningRateMonitor("epoch")]
    if stops_early:
        best = ModelCheckpoint(out, "best", monitor="val_loss", enable_version_counter=False)
        callbacks += [Stopping("val_loss", patience=config.patience), best]
    callbacks.append(KeepLast(out / "last.ckpt"))  # last, so that it saves the state of the one for `best.ckpt`
    if progress:
        callbacks.append(TQDMProgressBar(refresh_rate=5))
    local = int(os.environ["LOCAL_WORLD_SIZE"]) if world() > 1 else 1  # processes on this machine, as torchrun says
    return L.Trainer(
        max_epochs=config.epochs,
        precision=precision,
        accelerator="auto",
        devices=local,
        num_nodes=world() // local,
        strategy="ddp" if world() > 1 else "auto",
        use_distributed_sampler=False,  # the batches are shared already
        callbacks=callbacks,
        logger=[CSVLogger(out, "logs", flush_logs_every_n_steps=1), TensorBoardLogger(out, "logs")],
        enable_progress_bar=progress,
        enable_model_summary=False,
    )
