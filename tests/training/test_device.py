import pytest
import torch

from actret_core.errors import ConfigError
from actret_core.training.config import TrainConfig
from actret_core.training.device import autocast, pick_device, pick_precision
from actret_core.training.fit import fit


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> dict[str, bool]:
    """A GPU that is not there; with "bf16" it has bfloat16."""
    state = {"bf16": False}
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: state["bf16"])
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Tesla T4")
    return state


def test_precision_is_named_or_picked() -> None:
    assert pick_precision("32-true") == "32-true"
    assert pick_precision("auto") in ("32-true", "bf16-mixed")


def test_a_gpu_is_asked_whether_it_has_bfloat16(gpu: dict[str, bool]) -> None:
    assert (pick_precision("auto"), pick_device().type) == ("32-true", "cuda")
    gpu["bf16"] = True
    assert pick_precision("auto") == pick_precision("bf16-mixed") == "bf16-mixed"
    assert pick_precision("32-true") == "32-true"


@pytest.mark.usefixtures("gpu")
def test_a_gpu_without_bfloat16_refuses_it(toy, head, quick: TrainConfig, tmp_path) -> None:
    message = "precision='bf16-mixed': expected '32-true' or 'auto': Tesla T4 has no bfloat16"
    with pytest.raises(ConfigError, match=message):
        pick_precision("bf16-mixed")
    data, config = toy(6), TrainConfig(precision="bf16-mixed", workers=0)
    with pytest.raises(ConfigError, match=message):
        fit(head, data, None, config, tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists() and not data.seen


def test_a_cpu_computes_bfloat16_where_it_is_asked_for() -> None:
    one = torch.ones(2, 2)
    for precision, kind in (("bf16-mixed", torch.bfloat16), ("32-true", torch.float32)):
        with autocast(precision):
            assert (one @ one).dtype == kind
