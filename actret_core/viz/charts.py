"""Charts: bars, maps of embeddings, rankings as strips, diagrams."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from actret_core.viz.style import REGION, readable

COLORS, MARKERS = plt.get_cmap("tab20").colors, "osD^v<>PX*phH"
SIGNS = {1: "✓", 0: "✗", -1: ""}


def bars(values: Mapping[str, float], label: str, spread: Mapping[str, tuple[float, float]] | None = None) -> Figure:
    """Horizontal bars with their numbers; `spread` gives the ends (low, high) of an interval for each name."""
    figure, axes = plt.subplots(figsize=(6.2, 0.42 * len(values) + 0.9), layout="constrained")
    names, lengths = list(values), np.array(list(values.values()))
    ends = np.array([spread[name] for name in names]).T if spread else lengths[None]
    error = np.abs(ends - lengths) if spread else None
    style = {"color": "#6baed6", "edgecolor": "black", "linewidth": 0.6, "capsize": 3}
    drawn = axes.barh([readable(name) for name in names], lengths, xerr=error, **style)
    axes.bar_label(drawn, fmt="%.1f", padding=5, fontsize=9)
    axes.set(xlabel=label, xlim=(0, 1.12 * ends.max()))
    axes.invert_yaxis()
    return figure


def embedding_map(points: np.ndarray, labels: np.ndarray, actions: Sequence[str]) -> Figure:
    """Embeddings projected to the plane [N, 2] with labels int [N]: one color and marker for each action."""
    figure, axes = plt.subplots(figsize=(7.5, 5.5), layout="constrained")
    scatter_classes(axes, points, labels, [readable(action) for action in actions], s=24)
    axes.legend(fontsize=7, loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    axes.set(xticks=[], yticks=[], xlabel="first direction (no unit)", ylabel="second direction (no unit)")
    return figure


def scatter_classes(axes: Axes, points: np.ndarray, labels: np.ndarray, names: Sequence[str], **style: object) -> None:
    """Points [N, 2] of classes int [N], which index `names`: one color and marker for each, at most 260 apart."""
    found = {names[label]: label for label in np.unique(labels)}
    classes = [names[label] for label in labels]
    sns.scatterplot(
        x=points[:, 0], y=points[:, 1], hue=classes, style=classes, hue_order=found, style_order=found,
        palette={name: COLORS[label % len(COLORS)] for name, label in found.items()},
        markers={name: MARKERS[label % len(MARKERS)] for name, label in found.items()},
        edgecolor="0.3", linewidth=0.3, ax=axes, **style,
    )


def label_points(axes: Axes, points: np.ndarray, names: Sequence[str]) -> None:
    """Write each name beside its point [n, 2]: above, below, right or left, where it covers least.

    Call it last: the places are chosen for the axes as they are at this moment.
    """
    axes.figure.canvas.draw()
    dots = axes.transData.transform(points)
    taken = [Bbox.from_bounds(x - 5, y - 5, 10, 10) for x, y in dots]
    sides = (  # shift in points, and the alignment of the text
        ((0, 7), "center", "bottom"), ((0, -7), "center", "top"),
        ((8, 0), "left", "center"), ((-8, 0), "right", "center"),
    )
    for point, name in zip(points, names, strict=True):
        tries = [axes.annotate(name, point, shift, textcoords="offset points", ha=ha, va=va, fontsize=8)
                 for shift, ha, va in sides]
        places = [text.get_window_extent() for text in tries]
        best = int(np.argmin([place.count_overlaps(taken) for place in places]))
        taken.append(places[best])
        for text in {*tries} - {tries[best]}:
            text.remove()


def flow_chart(nodes: Mapping[str, tuple[float, float, str, str]], arrows: Sequence[tuple[str, str]]) -> Figure:
    """Boxes and arrows: `nodes` maps a name to (x, y, text, frame color), `arrows` are (from, to) pairs of names."""
    figure, axes = plt.subplots(figsize=(10, 3.9), layout="constrained")
    style = {"ha": "center", "va": "center", "fontsize": 8.5}
    drawn = {
        name: axes.text(x, y, text, bbox={"boxstyle": "round,pad=0.5", "fc": "white", "ec": color, "lw": 1.6}, **style)
        for name, (x, y, text, color) in nodes.items()
    }
    for start, end in arrows:
        ends = {"patchA": drawn[start].get_bbox_patch(), "patchB": drawn[end].get_bbox_patch()}
        arrow = {"arrowstyle": "-|>", "color": "0.35", "shrinkA": 2, "shrinkB": 2, **ends}
        axes.annotate("", xy=nodes[end][:2], xytext=nodes[start][:2], arrowprops=arrow)
    x, y = np.array([node[:2] for node in nodes.values()]).T
    axes.set(xlim=(x.min() - 0.6, x.max() + 0.6), ylim=(y.min() - 0.5, y.max() + 0.5))
    axes.set_axis_off()
    return figure


def rank_strips(rows: Mapping[str, np.ndarray], texts: Mapping[str, Sequence[str]] | None = None) -> Figure:
    """Rankings as rows of squares, best left: 1 right (dark), 0 wrong (light), -1 empty.

    A row of `texts` replaces the signs of its row. Shorter rows end in empty squares.
    """
    width, texts = max(map(len, rows.values())), texts or {}
    marks = np.array([np.pad(row, (0, width - len(row)), constant_values=-1) for row in rows.values()])
    written = [[SIGNS[mark] for mark in row] for row in marks.tolist()]
    for row, name in zip(written, rows, strict=True):
        row[: len(texts.get(name, ()))] = texts.get(name, ())
    figure, axes = plt.subplots(figsize=(max(6, 0.24 * width + 1.8), 0.36 * len(rows) + 0.8), layout="constrained")
    sns.heatmap(
        marks, vmin=-1, vmax=1, cmap=ListedColormap(["white", "#d9d9d9", REGION]), cbar=False, linewidths=0.5,
        linecolor="black", clip_on=False, annot=np.array(written), fmt="", annot_kws={"fontsize": 8}, ax=axes,
    )
    places = np.array([1, *range(5, width + 1, 5)])
    axes.set_xticks(places - 0.5, places, rotation=0)
    axes.set_yticks(np.arange(len(rows)) + 0.5, list(rows), rotation=0)
    axes.tick_params(length=0)
    axes.set_xlabel("place")
    return figure
