"""What several tests need: the drawn playground, and real data and weights where the environment names them."""

import os
from collections.abc import Iterator
from pathlib import Path

import matplotlib
import pytest
import torch

matplotlib.use("Agg")
torch.set_num_threads(2)


def _named_by(variable: str, what: str) -> Path:
    value = os.environ.get(variable)
    if not value:
        pytest.skip(f"{variable} is not set: it names {what}")
    path = Path(value)
    assert path.exists(), f"{variable}={value}: nothing is there"
    return path


@pytest.fixture(scope="module", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What is made on first use does not go into the user's own cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ACTRET_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        yield


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder that holds `stanford40/` and `VOC2012_action_annotations/` in their official layouts."""
    return _named_by("ACTRET_DATA", "the folder of the real data sets")


@pytest.fixture(scope="session")
def real_weights() -> Path:
    """A safetensors file of ImageNet weights for ResNet-50."""
    return _named_by("ACTRET_WEIGHTS", "a safetensors file of ResNet-50")


@pytest.fixture(scope="session")
def playground(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A playground of 72 images, in Stanford-40's layout, with its proposals file beside."""
    from actret_core.data.playground import write_playground

    return write_playground(tmp_path_factory.mktemp("playground"), seed=0, images=72, progress=False)
