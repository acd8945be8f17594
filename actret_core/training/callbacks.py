"""What happens between epochs: the clock, the checkpoint, early stopping, and the end of the time that there is."""

import os
import time
from pathlib import Path
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import Callback, Checkpoint, EarlyStopping


class Clock(Callback):
    """Seconds of training, kept in the checkpoint so that a resumed run counts all its parts."""

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


class Deadline(Callback):
    """Stops between two epochs if the next one, as long as the last, would not be over at `moment`.

    `moment` is of `time.monotonic`. `passed` says that it has stopped a training which was not at its end.
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
    """Early stopping that also knows, when a stopped run is called again, that it had stopped."""

    def on_train_start(self, trainer: L.Trainer, _: L.LightningModule) -> None:
        trainer.should_stop = self.wait_count >= self.patience


class KeepLast(Checkpoint):
    """A checkpoint after every epoch, whole or not at all; Lightning's `save_last` may wait for the end of training."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def on_train_epoch_end(self, trainer: L.Trainer, *_: Any) -> None:
        temporary = self.path.with_suffix(".part")
        trainer.save_checkpoint(temporary)                               # by all processes, written by the first
        if trainer.is_global_zero:
            os.replace(temporary, self.path)
