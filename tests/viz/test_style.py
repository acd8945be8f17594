from pathlib import Path

from PIL import Image

from actret_core import viz
from actret_core.data.sample import ActionSample

ACTIONS = ("drinking", "riding_a_bike", "phoning")


def test_save_figure_writes_the_same_file_twice(samples: list[ActionSample], tmp_path: Path) -> None:
    figure = viz.sample_grid(samples[:2], ACTIONS, columns=2)
    path = tmp_path / "deep" / "figures" / "grid.png"
    viz.save_figure(figure, path.parent, "grid")
    first = path.read_bytes()
    with Image.open(path) as image:
        assert image.format == "PNG" and image.width > 300
    path.unlink()
    viz.save_figure(figure, path.parent, "grid")
    assert path.read_bytes() == first


def test_readable() -> None:
    assert viz.readable("riding_a_bike") == "riding a bike"


def test_code_is_the_package_s() -> None:
    text = viz.code_of(viz.readable, Path.exists)
    assert text.startswith('```python\ndef readable(action: str) -> str:\n    """') and text.endswith("```")
    assert text.count("```python\ndef ") == 2  # a method is moved to the left edge
