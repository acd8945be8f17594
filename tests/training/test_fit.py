import copy
import csv
import json
import time
from dataclasses import asdict, replace
from pathlib import Path

import lightning as L
import pytest
import torch

from actret_core.data.augment import Augment
from actret_core.data.dataset import ActionDataset
from actret_core.data.photos import store_photos
from actret_core.data.split import subset
from actret_core.data.readers.stanford40 import read_stanford40
from actret_core.errors import CheckpointError
from actret_core.models.config import RegionNetConfig
from actret_core.models.config import Output
from actret_core.models.fusion import FusionHead
from actret_core.models.region_net import RegionNet
from actret_core.regions.proposals import read_proposals
from actret_core.regions.ranking import rank_split
from actret_core.training.callbacks import KeepLast
from actret_core.training.config import TrainConfig
from actret_core.training.embed import embed
from actret_core.training.fit import FitResult, OutOfTime, _write_config, fit


def state_of(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


def assert_equal(left: dict[str, torch.Tensor], right: dict[str, torch.Tensor]) -> None:
    assert left.keys() == right.keys()
    assert [n for n in left if not torch.equal(left[n], right[n])] == []


def test_the_same_seed_gives_the_same_weights(
    toy, head: FusionHead, quick: TrainConfig, tmp_path: Path
) -> None:
    same, other = copy.deepcopy(head), copy.deepcopy(head)
    assert fit(head, toy(12), None, quick, tmp_path / "a", progress=False).epochs == 3
    fit(same, toy(12), None, quick, tmp_path / "b", progress=False)
    fit(other, toy(12), None, replace(quick, seed=1), tmp_path / "c", progress=False)
    assert_equal(state_of(head), state_of(same))
    assert not torch.equal(head.classifier[0].weight, other.classifier[0].weight)


def test_an_interrupted_run_goes_on(toy, head: FusionHead, quick: TrainConfig, tmp_path: Path) -> None:
    """The power fails in the second of three epochs; the same call then trains the second and third."""
    out = tmp_path / "run"
    with pytest.raises(RuntimeError, match="the power is gone"):
        fit(copy.deepcopy(head), toy(12, fail_at=16), None, quick, out, progress=False)
    saved = torch.load(out / "last.ckpt", weights_only=False)
    before = saved["callbacks"]["Clock"]["seconds"]
    assert saved["epoch"] == 0 and before > 0
    rest = toy(12)
    result = fit(head, rest, None, quick, out, progress=False)
    assert result.epochs == 3 and result.wall_seconds > before
    assert len(rest.seen) == 24, "two epochs of twelve samples"
    assert len(result.losses) == 3 and result.losses[2] < result.losses[0]
    assert_equal(state_of(head), _weights(out / "last.ckpt"))
    assert not list(out.glob("*.part"))


@pytest.mark.parametrize("changes", [{}, {"per_class": 2}, {"ema": 0.5}, {"workers": 1}])
def test_an_interrupted_run_ends_as_an_uninterrupted_one(
    changes: dict, toy, head: FusionHead, quick: TrainConfig, tmp_path: Path
) -> None:
    """With its shuffling and its dropout: to the last bit."""
    config, states, losses = replace(quick, **changes), [], []
    for name in ("whole", "cut"):
        sound, failing = toy(12), toy(12, fail_at=16)
        sound.targets = failing.targets = torch.eye(3)[sound.labels]
        if name == "cut":
            with pytest.raises(RuntimeError, match="the power is gone"):
                fit(copy.deepcopy(head), failing, None, config, tmp_path / name, progress=False)
        model = copy.deepcopy(head)
        losses.append(fit(model, sound, None, config, tmp_path / name, progress=False).losses)
        states.append(state_of(model))
    assert_equal(*states)
    assert losses[0] == losses[1] and len(losses[0]) == 3


def test_a_run_out_of_time_stops_between_epochs_and_goes_on(
    toy, head: FusionHead, quick: TrainConfig, tmp_path: Path
) -> None:
    whole = copy.deepcopy(head)
    fit(whole, toy(12), None, quick, tmp_path / "whole", progress=False)
    for epoch in (1, 2):
        with pytest.raises(OutOfTime, match=f"run: stopped after epoch {epoch} of 3; call again to resume"):
            fit(copy.deepcopy(head), toy(12), None, quick, tmp_path / "run", False, deadline=time.monotonic())
    result = fit(head, toy(12), None, quick, tmp_path / "run", False, deadline=time.monotonic())
    assert result.epochs == len(result.losses) == 3, "the last epoch ends the training, not the time"
    assert_equal(state_of(head), state_of(whole))
    fit(copy.deepcopy(head), toy(12), None, quick, tmp_path / "long", False, deadline=time.monotonic() + 3600)


def test_a_moving_average_is_what_is_kept(toy, head: FusionHead, quick: TrainConfig, tmp_path: Path) -> None:
    """Two steps: the average is the first weights, then decays toward the second."""
    config, seen = replace(quick, epochs=1, ema=0.75), []
    trained, average = copy.deepcopy(head), copy.deepcopy(head)
    step = torch.optim.AdamW.step
    with pytest.MonkeyPatch.context() as patch:

        def watched(optimizer, closure=None):
            out = step(optimizer, closure)
            seen.append([p.detach().clone() for group in optimizer.param_groups for p in group["params"]])
            return out

        patch.setattr(torch.optim.AdamW, "step", watched)
        fit(average, toy(12), None, config, tmp_path / "average", progress=False)
    fit(trained, toy(12), None, replace(config, ema=0.0), tmp_path / "plain", progress=False)
    first, second = seen
    for found, one, two, plain in zip(average.parameters(), first, second, trained.parameters(), strict=True):
        torch.testing.assert_close(found, 0.75 * one + 0.25 * two)
        torch.testing.assert_close(two, plain)
    assert average.norm.num_batches_tracked != 0


def test_early_stopping_watches_the_moving_average(toy, head: FusionHead, quick: TrainConfig, tmp_path: Path) -> None:
    config, held = replace(quick, epochs=2, ema=0.9, held_out=0.2), toy(9, seed=5)
    fit(head, toy(12), held, config, tmp_path, progress=False)
    logits = torch.from_numpy(embed(head, held, progress=False).logits)
    loss = torch.nn.functional.cross_entropy(logits, held.labels).item()
    best = min(float(row["val_loss"]) for row in _metrics(tmp_path / "logs") if row["val_loss"])
    assert loss == pytest.approx(best, abs=1e-4)


def test_an_interrupted_run_remembers_its_best_epoch(
    toy, head: FusionHead, quick: TrainConfig, tmp_path: Path
) -> None:
    """Otherwise a resumed run would take a worse epoch for its best."""
    config = replace(quick, held_out=0.2)
    with pytest.raises(RuntimeError, match="the power is gone"):
        fit(head, toy(12, fail_at=16), toy(9, seed=5), config, tmp_path, progress=False)
    states = torch.load(tmp_path / "last.ckpt", weights_only=False)["callbacks"]
    (best,) = [state for key, state in states.items() if key.startswith("ModelCheckpoint")]
    (loss,) = [float(row["val_loss"]) for row in _metrics(tmp_path / "logs") if row["val_loss"]]
    assert best["best_model_score"].item() == pytest.approx(loss)


def _weights(path: Path) -> dict[str, torch.Tensor]:
    state = torch.load(path, weights_only=False)["state_dict"]
    return {name.removeprefix("model."): value for name, value in state.items()}


def test_a_finished_run_is_not_trained_again(
    toy, head: FusionHead, quick: TrainConfig, tmp_path: Path
) -> None:
    fresh = copy.deepcopy(head)
    first = fit(head, toy(12), None, quick, tmp_path / "run", progress=False)
    untouched = toy(12)
    assert fit(fresh, untouched, None, quick, tmp_path / "run", progress=False) == first
    assert not untouched.seen
    assert_equal(state_of(fresh), state_of(head))


def test_another_config_in_the_folder_is_refused(
    toy, head: FusionHead, quick: TrainConfig, tmp_path: Path
) -> None:
    out = tmp_path / "deep" / "run"
    fit(head, toy(6), None, replace(quick, epochs=1), out, progress=False)
    data = toy(6)
    wider = FusionHead(replace(head.config, ffn=32), 8)
    for model, config in ((head, replace(quick, epochs=2)), (wider, replace(quick, epochs=1))):
        with pytest.raises(CheckpointError, match="config.json: a run of another config stands there"):
            fit(model, data, None, config, out, progress=False)
    assert not data.seen


@pytest.mark.parametrize("text", ["", '{"model": '])
def test_a_config_cut_short_is_replaced(
    text: str, toy, head: FusionHead, quick: TrainConfig, tmp_path: Path
) -> None:
    """It does not block the run for good."""
    (tmp_path / "config.json").write_text(text)
    with pytest.warns(UserWarning, match="config.json: cut short, written again; delete"):
        fit(head, toy(6), None, replace(quick, epochs=1), tmp_path, progress=False)
    assert json.loads((tmp_path / "config.json").read_text())["train"]["epochs"] == 1


def test_no_config_is_left_half_written(quick: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk is full after ten characters."""

    def full(path: Path, text: str) -> None:
        with open(path, "w") as file:
            file.write(text[:10])
        raise OSError("No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="No space left"):
        _write_config(tmp_path, {"train": asdict(quick)})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("size", [0, 1000])
def test_a_checkpoint_cut_short_is_named(
    size: int, toy, head: FusionHead, quick: TrainConfig, tmp_path: Path
) -> None:
    config = replace(quick, epochs=1)
    fit(copy.deepcopy(head), toy(6), None, config, tmp_path, progress=False)
    with open(tmp_path / "last.ckpt", "r+b") as file:
        file.truncate(size)
    with pytest.raises(CheckpointError, match="last.ckpt: not a complete checkpoint .*; delete it, and the training"):
        fit(head, toy(6), None, config, tmp_path, progress=False)


class Killed(BaseException):
    """Not an error that anybody handles."""


@pytest.mark.parametrize("epoch", [0, 1])
def test_a_kill_behind_a_checkpoint_loses_no_loss(
    epoch: int, toy, head: FusionHead, quick: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The logs get an epoch's loss after the checkpoint is written; a process killed in between never writes it."""
    save = KeepLast.on_train_epoch_end

    def saved_and_killed(callback: KeepLast, trainer: L.Trainer, *given: object) -> None:
        save(callback, trainer, *given)
        if trainer.current_epoch == epoch:
            raise Killed

    whole = fit(copy.deepcopy(head), toy(12), None, quick, tmp_path / "whole", progress=False)
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(KeepLast, "on_train_epoch_end", saved_and_killed)
        fit(copy.deepcopy(head), toy(12), None, quick, tmp_path / "cut", progress=False)
    resumed = fit(head, toy(12), None, quick, tmp_path / "cut", progress=False)
    assert resumed.losses == whole.losses and len(whole.losses) == 3


def test_the_losses_of_an_older_version_are_read_from_its_logs(
    toy, head: FusionHead, quick: TrainConfig, tmp_path: Path
) -> None:
    """Its checkpoints do not hold them."""
    with pytest.raises(RuntimeError, match="the power is gone"):
        fit(copy.deepcopy(head), toy(12, fail_at=16), None, quick, tmp_path / "old", progress=False)
    state = torch.load(tmp_path / "old" / "last.ckpt", weights_only=False)
    assert list(state["callbacks"].pop("Losses")) == [0]
    torch.save(state, tmp_path / "old" / "last.ckpt")
    resumed = fit(copy.deepcopy(head), toy(12), None, quick, tmp_path / "old", progress=False)
    assert resumed.losses == fit(head, toy(12), None, quick, tmp_path / "whole", progress=False).losses


def test_early_stopping_ends_with_the_best_weights(
    toy, head: FusionHead, quick: TrainConfig, tmp_path: Path
) -> None:
    """A rate so high that the held-out loss soon rises; and the stopped run, called again, stays stopped."""
    config, out, held = (
        replace(quick, epochs=40, lr=0.3, patience=2, held_out=0.2),
        tmp_path / "run",
        toy(9, seed=5),
    )
    result = fit(head, toy(12), held, config, out, progress=False)
    losses = [float(r["val_loss"]) for r in _metrics(out / "logs") if r["val_loss"]]
    best = losses.index(min(losses))
    assert result.epochs == len(losses) == best + 1 + 2 < 40
    assert_equal(state_of(head), _weights(out / "best.ckpt"))
    assert torch.load(out / "best.ckpt", weights_only=False)["epoch"] == best
    found = embed(head, held, progress=False).logits
    loss = torch.nn.functional.cross_entropy(torch.from_numpy(found), held.labels)
    assert loss.item() == pytest.approx(min(losses), abs=1e-4)

    again = toy(12)
    other = FusionHead(head.config, 8)
    assert fit(other, again, held, config, out, progress=False) == result
    assert not again.seen
    assert_equal(state_of(other), state_of(head))


def _metrics(logs: Path) -> list[dict[str, str]]:
    files = sorted(logs.rglob("metrics.csv"))
    return [row for path in files for row in csv.DictReader(path.open())]


def test_the_folder_holds_the_config_and_both_logs(
    toy, head: FusionHead, quick: TrainConfig, tmp_path: Path
) -> None:
    fit(head, toy(12), None, quick, tmp_path, progress=False)
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["model"]["heads"] == 2 and config["train"]["lr"] == 0.01
    assert len([r for r in _metrics(tmp_path / "logs") if r["train_loss"]]) == 3
    assert list((tmp_path / "logs").rglob("events.out.tfevents*"))


def test_a_last_batch_of_one_is_dropped(toy, head: FusionHead, quick: TrainConfig, tmp_path: Path) -> None:
    config = replace(quick, epochs=1, batch_size=4)
    for size, used in ((9, 8), (10, 10)):
        data = toy(size)
        fit(head, data, None, config, tmp_path / str(size), progress=False)
        assert len(data.seen) == used


def test_training_after_embedding_is_training(
    toy, head: FusionHead, quick: TrainConfig, tmp_path: Path
) -> None:
    """`embed` leaves a model in evaluation mode, in which batch norm and dropout would not train."""
    embed(head, toy(6), progress=False)
    assert not head.training
    fit(head, toy(12), None, replace(quick, epochs=1), tmp_path, progress=False)
    assert head.norm.running_mean.any()


def test_frozen_statistics_over_a_whole_run(quick: TrainConfig, tmp_path: Path, playground: Path) -> None:
    """With validation between the epochs, which switches modes to and fro."""
    model, data = _small_run(playground, tmp_path)
    before = state_of(model.backbone)
    fit(
        model,
        data,
        data,
        replace(quick, epochs=2, freeze_bn_stats=True, held_out=0.5),
        tmp_path,
        progress=False,
    )
    after = state_of(model.backbone)
    moved = {name for name in after if not torch.equal(after[name], before[name])}
    assert not any("running" in name or "tracked" in name for name in moved)
    assert all(name in moved for name in after if name.endswith("weight"))


def _small_run(playground: Path, folder: Path, size: int = 64) -> tuple[RegionNet, ActionDataset]:
    """24 images of the playground, two of each action, and a model without dropout."""
    train = read_stanford40(playground, "train", name="playground")
    firsts = [train.ids.index(i) for i in train.ids if i.endswith(("_001", "_002"))]
    few = subset(train, firsts, "train")
    assert len(few) == 24 and few.targets.any(0).all()
    proposals = read_proposals(playground / "proposals.json.gz", [s.image_id for s in few.samples])
    torch.manual_seed(0)
    config = RegionNetConfig(
        classes=12, backbone="small", image_size=size, k=4, blocks=1, heads=4, ffn=64, dropout=0.0, hidden=32
    )
    photos = store_photos("playground", few.samples, size, folder, progress=False)
    data = ActionDataset(few, rank_split(few, proposals, 4, 0.3), 4, size, photos)
    return RegionNet(config), data


def test_a_result_is_epochs_and_seconds(toy, head: FusionHead, quick: TrainConfig, tmp_path: Path) -> None:
    result = fit(head, toy(6), None, replace(quick, epochs=1), tmp_path, progress=False)
    assert isinstance(result, FitResult) and result.epochs == 1 and 0 < result.wall_seconds < 60


class Hungry(FusionHead):
    """Runs out of memory above three samples."""

    def forward(self, tokens: torch.Tensor, mask: torch.Tensor) -> Output:
        if self.training and len(tokens) > 3:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return super().forward(tokens, mask)


def test_out_of_memory_the_effective_batch_stays(
    toy, quick: TrainConfig, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    """Steps of the optimizer are as many; one line and the result name the parts, and a resumed run knows them."""
    config = RegionNetConfig(classes=3, k=2, blocks=1, heads=2, ffn=16, dropout=0.0, hidden=8)
    with pytest.raises(RuntimeError, match="the power is gone"):
        fit(Hungry(config, 8), toy(12, fail_at=16), None, quick, tmp_path, progress=False)
    assert capsys.readouterr().out.count("out of memory: batches are now split into parts of 3") == 1
    result = fit(Hungry(config, 8), toy(12), None, quick, tmp_path, progress=False)
    assert result.halved == (3,) and result.epochs == 3 and "out of memory" not in capsys.readouterr().out
    assert torch.load(tmp_path / "last.ckpt", weights_only=False)["global_step"] == 3 * 12 // 6


def test_half_a_batch_at_a_time_learns_the_same(toy, quick: TrainConfig, tmp_path: Path) -> None:
    """Without batch norm in training mode, whose statistics are those of a part."""

    class Plain(FusionHead):
        most = 6

        def forward(self, tokens: torch.Tensor, mask: torch.Tensor) -> Output:
            if len(tokens) > self.most:
                raise torch.OutOfMemoryError
            self.norm.eval()
            return super().forward(tokens, mask)

    states, config = [], RegionNetConfig(classes=3, k=2, blocks=1, heads=2, ffn=16, dropout=0.0, hidden=8)
    for most in (6, 3):
        torch.manual_seed(0)
        model = Plain(config, 8)
        model.most = most
        fit(model, toy(12), None, replace(quick, lr=1e-3), tmp_path / str(most), progress=False)
        states.append(state_of(model))
    for name, value in states[0].items():
        torch.testing.assert_close(states[1][name], value, rtol=1e-3, atol=1e-4)


def test_the_backbone_is_compiled_if_asked(
    playground: Path, quick: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, data = _small_run(playground, tmp_path)
    compiled = []
    monkeypatch.setattr(torch.nn.Module, "compile", lambda module: compiled.append(module))
    fit(model, data, None, replace(quick, epochs=1), tmp_path / "plain", progress=False)
    assert not compiled
    fit(model, data, None, replace(quick, epochs=1, compile=True), tmp_path / "compiled", progress=False)
    assert compiled == [model.backbone]


def test_augmented_batches_reach_the_model_and_plain_ones_what_is_held_out(
    playground: Path, quick: TrainConfig, tmp_path: Path
) -> None:
    """Stored uint8 in, normalized pictures out: each epoch others for training, the same for what is held out."""
    model, data = _small_run(playground, tmp_path)
    shaken = ActionDataset(data.split, data.context, data.k, data.size, data.raw.photos, Augment(0.6, mirror=0.5))
    seen: dict[bool, list[torch.Tensor]] = {True: [], False: []}
    model.register_forward_pre_hook(lambda m, _, given: seen[m.training].append(given["image"]), with_kwargs=True)
    config = replace(quick, epochs=2, batch_size=24, held_out=0.5)
    fit(model, shaken, data, config, tmp_path / "run", progress=False)
    first, second = seen[True]
    assert first.shape == (24, 3, 64, 64) and first.dtype == torch.float32 and not torch.equal(first, second)
    expected = torch.stack([data[i]["image"] for i in range(24)])
    for image in seen[False][-2:]:
        torch.testing.assert_close(image, expected, rtol=0, atol=1e-5)
