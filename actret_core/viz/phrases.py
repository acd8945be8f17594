"""Retrieval by a phrase: what was found, and the spaces in which it was searched."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from actret_core.data.dataset import read_image
from actret_core.data.sample import ActionSample
from actret_core.viz.charts import label_points
from actret_core.viz.photographs import draw_boxes, show_image
from actret_core.viz.style import readable

HALF = "#fe9929"


def phrase_rows(
    rows: Mapping[str, Sequence[ActionSample]], relevance: Mapping[str, Sequence[float]], actions: Sequence[str]
) -> Figure:
    """Each row a phrase and the images found, best first. A thick green frame and a check mark: verb and noun are right
    (relevance 1); a thin orange one and a half: one of them; neither: none."""
    columns = max(map(len, rows.values()))
    size = (1.5 * columns + 1.6, 1.75 * len(rows))
    figure = plt.figure(figsize=size, layout="constrained")
    grid = figure.add_gridspec(len(rows), columns + 1, width_ratios=[1.1, *[1] * columns])
    for row, (phrase, samples) in enumerate(rows.items()):
        title = figure.add_subplot(grid[row, 0])
        title.set_axis_off()
        title.text(1.0, 0.5, f"“{phrase}”", ha="right", va="center", wrap=True, fontsize=9, transform=title.transAxes)
        for place, (sample, degree) in enumerate(zip(samples, relevance[phrase], strict=True), start=1):
            _found(figure.add_subplot(grid[row, place]), sample, degree, place, actions)
    return figure


def _found(axes: Axes, sample: ActionSample, degree: float, place: int, actions: Sequence[str]) -> None:
    mark = "✓" if degree == 1 else "½" if degree else "✗"
    name = ", ".join(readable(actions[i]) for i in sample.labels) or "other"
    show_image(axes, read_image(sample.image), f"{place} {mark}\n{name}")
    axes.title.set_fontsize(7)
    draw_boxes(axes, sample.person, edgecolor="white", linewidth=1.2)
    if degree:
        look = {"lw": 5, "edgecolor": "#238b45"} if degree == 1 else {"lw": 2.5, "edgecolor": HALF, "linestyle": "--"}
        axes.add_patch(Rectangle((0, 0), 1, 1, transform=axes.transAxes, fill=False, **look))


def space_maps(
    spaces: Mapping[str, tuple[np.ndarray, np.ndarray]], names: Mapping[str, Sequence[str]], unseen: np.ndarray
) -> Figure:
    """Spaces side by side, each projected to the plane: points [N, 2] with their label int [N], which indexes the
    names of that space. Members of `unseen` bool [N] are black; a label's name stands by the median of its points."""
    figure, axes = plt.subplots(1, len(spaces), figsize=(5.4 * len(spaces), 4.6), layout="constrained", squeeze=False)
    colors, markers = plt.get_cmap("tab20").colors, "osD^v<>PX*phH"
    for ax, (space, (points, labels)) in zip(axes.flat, spaces.items(), strict=True):
        for label in np.unique(labels):
            chosen = (labels == label) & ~unseen
            ax.scatter(*points[chosen].T, s=12, color=colors[label % 20], marker=markers[label % 13], alpha=0.7)
        ax.scatter(*points[unseen].T, s=22, color="black", marker="x", linewidths=1)
        ax.set(title=space, xticks=[], yticks=[])
        ax.set(xlabel="first direction (no unit)", ylabel="second direction (no unit)")
    for ax, (space, (points, labels)) in zip(axes.flat, spaces.items(), strict=True):
        _name(ax, points[~unseen], labels[~unseen], names[space])
    return figure


def _name(axes: Axes, points: np.ndarray, labels: np.ndarray, names: Sequence[str]) -> None:
    found = np.unique(labels)
    spots = np.stack([np.median(points[labels == label], axis=0) for label in found])
    label_points(axes, spots, [names[label] for label in found])
    for text in axes.texts:
        text.set_bbox({"facecolor": "white", "alpha": 0.75, "pad": 1, "lw": 0})
