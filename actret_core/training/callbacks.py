"""Callbacks between epochs: timing, the checkpoint, early stopping, and stopping at a deadline."""

import time
from pathlib import Path
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import Callback, Checkpoint, EarlyStopping

from actret_core.files import atomic_path


class Clock(Callback):
    """Counts the seconds of training. They are saved in the checkpoint, so that a resumed run counts all its parts."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def on_train_epoch_start(self, *_: Any) -> None:
        self._start = time.perf_counter()

    def on_train_epoch_end(self, *_: Any) -> None:
        self.seconds += time.perf_counter() - self._start

    def state_dict(self) -> dict[str, float]:
        return {"seconds": self.seconds}

    def load_state_dict(self, state: dict[str, float]) -> None:
        self.seconds = state["seconds"]


class Losses(Callback):
    """The mean training loss of each epoch, by its number from 0. They are saved in the checkpoint.

    The logs are written after it, so a process that is killed in between would leave them without the last epoch.
    """

    def __init__(self) -> None:
        self.by_epoch: dict[int, float] = {}

    def on_train_epoch_end(self, trainer: L.Trainer, *_: Any) -> None:
        self.by_epoch[trainer.current_epoch] = trainer.callback_metrics["train_loss"].item()

    def state_dict(self) -> dict[int, float]:
        return dict(self.by_epoch)

    def load_state_dict(self, state: dict[int, float]) -> None:
        self.by_epoch = dict(state)


class Deadline(Callback):
    """Stops after an epoch if the next one, taking as long, would end after `moment`, by `time.monotonic`.

    `passed` is True if it has stopped a training before its end.
    """

    def __init__(self, moment: float) -> None:
        self.moment, self.passed = moment, False

    def on_train_epoch_start(self, *_: Any) -> None:
        self._start = time.monotonic()

    def on_train_epoch_end(self, trainer: L.Trainer, *_: Any) -> None:
        now = time.monotonic()
        late = trainer.strategy.reduce_boolean_decision(2 * now - self._start > self.moment, all=False)
        if late and not trainer.should_stop and trainer.current_epoch + 1 < trainer.max_epochs:
            trainer.should_stop = self.passed = True


class Stopping(EarlyStopping):
    """Early stopping that stays stopped: `fit`, called again, does not continue a run that it had ended."""

    def on_train_start(self, trainer: L.Trainer, _: L.LightningModule) -> None:
        trainer.should_stop = self.wait_count >= self.patience


class KeepLast(Checkpoint):
    """Writes a checkpoint after every epoch, completely or not at all.

    Lightning's ModelCheckpoint writes to the system's temporary folder first; if that is another disk, it copies the
    file, and a process that is killed meanwhile leaves a run that cannot be resumed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def on_train_epoch_end(self, trainer: L.Trainer, *_: Any) -> None:
        if trainer.is_global_zero:
            with atomic_path(self.path) as temporary:
                trainer.save_checkpoint(temporary)
        else:
            trainer.save_checkpoint(self.path)  # writes nothing, but waits for the first process
