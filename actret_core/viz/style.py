"""What all pictures share: colors, names, files; and code as the book shows it."""

import inspect
import textwrap
from collections.abc import Callable
from pathlib import Path

from matplotlib.figure import Figure

PERSON, REGION = "#d7301f", "#2171b5"
RIGHT, WRONG = "#238b45", "#969696"
PERSON_STYLE = {"edgecolor": PERSON, "linewidth": 2.2, "linestyle": "-"}
REGION_STYLE = {"edgecolor": REGION, "linewidth": 1.3, "linestyle": "--"}


def readable(action: str) -> str:
    """An action's name as words: "riding_a_bike" -> "riding a bike"."""
    return action.replace("_", " ")


def save_figure(figure: Figure, folder: str | Path, name: str) -> None:
    """Write `figure` as `<folder>/<name>.png`, 110 dots an inch."""
    path = Path(folder) / f"{name}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110, metadata={"Software": None})


def code_of(*functions: Callable) -> str:
    """The source of functions as it stands in the package, as Markdown."""
    return "\n".join(f"```python\n{textwrap.dedent(inspect.getsource(function))}```" for function in functions)
