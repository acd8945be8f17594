"""Retrieval by a phrase: what was found, and the spaces in which it was searched."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from actret_core.data.sample import ActionSample
from actret_core.viz.charts import label_points, scatter_classes
from actret_core.viz.photographs import action_names, draw_boxes, draw_frame, read_pixels, show_image

HALF = "#fe9929"


def phrase_rows(
    rows: Mapping[str, Sequence[ActionSample]], relevance: Mapping[str, Sequence[float]], actions: Sequence[str]
) -> Figure:
    """Each row is a phrase and the images found, best first.

    The frame shows the relevance: thick, green and a check mark where verb and noun are right (1), thin, orange and
    "½" where one of them is, no frame and a cross where neither is (0).
    """
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
    show_image(axes, read_pixels(sample), f"{place} {mark}\n{action_names(sample, actions)}")
    axes.title.set_fontsize(7)
    draw_boxes(axes, sample.person, edgecolor="white", linewidth=1.2)
    if degree == 1:
        draw_frame(axes)
    elif degree:
        draw_frame(axes, edgecolor=HALF, linewidth=2.5, linestyle="--")


def space_maps(
    spaces: Mapping[str, tuple[np.ndarray, np.ndarray]], names: Mapping[str, Sequence[str]], unseen: np.ndarray
) -> Figure:
    """Spaces side by side, each projected to the plane.

    `spaces`: for each, points [N, 2] and their labels int [N], which index the `names` of that space. The points in
    `unseen` bool [N] are black crosses; the name of a label stands beside the median of its other points.
    """
    figure, axes = plt.subplots(1, len(spaces), figsize=(5.4 * len(spaces), 4.6), layout="constrained", squeeze=False)
    for ax, (space, (points, labels)) in zip(axes.flat, spaces.items(), strict=True):
        scatter_classes(ax, points[~unseen], labels[~unseen], names[space], s=20, alpha=0.8, legend=False)
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
