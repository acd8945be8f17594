from collections.abc import Iterator
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
from PIL import Image

from actret_core.data.sample import ActionSample


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    plt.close("all")


@pytest.fixture
def samples(tmp_path: Path) -> list[ActionSample]:
    """Five persons, the last of them without an action."""
    labels, out = [(0,), (1,), (0,), (0, 2), ()], []
    for i, actions in enumerate(labels):
        path = tmp_path / f"{i}.png"
        Image.new("RGB", (40, 30), (0, 50 * i, 0)).save(path)
        out.append(ActionSample(f"{i}", path, (40, 30), (4.0, 5.0, 20.0, 25.0), actions))
    return out
