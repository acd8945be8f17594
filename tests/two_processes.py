"""What two processes do together, started by torchrun from `test_distributed.py`: they write results to compare."""

import sys
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from actret_core.cli import main as cli
from actret_core.errors import ConfigError
from actret_core.experiments.action_data import load_data
from actret_core.experiments.train import configure, train_method
from actret_core.models.config import Output
from actret_core.models.methods import build_model
from actret_core.distributed import average_gradients, from_first, on_first, processes, rank, world
from actret_core.experiments.presets import DEMO
from actret_core.experiments.score import record_run
from actret_core.experiments.sweep import read_sweep
from actret_core.training.config import TrainConfig
from actret_core.training.embed import embed
from actret_core.training.fit import FitResult, fit

STEP = TrainConfig(
    epochs=1, batch_size=8, lr=0.1, optimizer="sgd", mixup=0.0, held_out=0.0, freeze_bn_stats=True, clip=1.0,
    precision="32-true", workers=0,
)


class Pictures(Dataset):
    """Eight small pictures of two actions."""

    def __init__(self) -> None:
        torch.manual_seed(3)
        self.images, self.targets = torch.randn(8, 3, 6, 6), torch.eye(2)[torch.arange(8) % 2]

    def __len__(self) -> int:
        return 8

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        return {"image": self.images[index], "target": self.targets[index], "index": torch.tensor(index)}


class Small(nn.Module):
    """A convolution, a batch norm and a linear layer; and a parameter that no loss reaches."""

    inputs = ("image",)

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(4)
        self.config, self.conv, self.bn = DEMO.model, nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)
        self.bn.running_mean.normal_(), self.bn.running_var.uniform_(0.5, 2)
        self.linear, self.unused = nn.Linear(4, 2), nn.Parameter(torch.ones(3))

    def forward(self, image: Tensor) -> Output:
        embedding = self.bn(self.conv(image)).relu().mean((2, 3))
        return Output(embedding, self.linear(embedding))


def stepped(out: Path) -> dict[str, Tensor]:
    """The weights after one step on the eight pictures, with the batch norm in evaluation mode."""
    model = Small()
    fit(model, Pictures(), None, STEP, out, progress=False)
    assert not [m for m in model.modules() if isinstance(m, nn.SyncBatchNorm)]
    return model.state_dict()


def tiny(root: Path, file: Path) -> tuple:
    """The data, the run and an untrained model of the first row of a sweep file."""
    run = read_sweep(file)[0]
    data = load_data("playground", root, run.preset.model)
    run = replace(run, preset=configure(run.preset, data, None, 0))
    torch.manual_seed(5)
    return data, run, build_model(run.preset.model)


def refused() -> None:
    """An error in the first process is raised in both, and the second one does not call the function."""
    def refuse() -> None:
        raise ConfigError(f"refused in process {rank()}")

    try:
        on_first(refuse)
    except ConfigError as error:
        assert str(error) == "refused in process 0"
    else:
        raise AssertionError("no error")


def main(root: Path, file: Path, out: Path) -> None:
    """All checks in one program: a process takes seconds to start."""
    with processes():
        assert world() == 2
        assert from_first(rank()) == on_first(rank) == 0
        refused()
        gradient = nn.Parameter(torch.zeros(2))
        gradient.grad = torch.full((2,), float(rank()))
        average_gradients([gradient, nn.Parameter(torch.zeros(1))])
        assert gradient.grad.tolist() == [0.5, 0.5]
        data, run, model = tiny(root, file)
        found = embed(model, data.dataset(data.evaluation, run.preset.model), 5, progress=False)
        record = record_run(data, run, model, FitResult(0, 0.0), out / f"results{rank()}", dim=4)
        step = stepped(out / "step")
        trained, result = train_method(data, run.preset, None, out / "run", progress=False)
        torch.save(
            {"features": found.features, "logits": found.logits, "metrics": record.metrics, "step": step,
             "trained": trained.state_dict(), "epochs": result.epochs, "losses": result.losses},
            out / f"rank{rank()}.pt",
        )
        cli.main(["sweep", str(file), "--data", str(root), "--dim", "4", "--runs", "work", "--results", "swept"])


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
