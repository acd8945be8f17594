"""Charts: bars, maps of embeddings, rankings as strips, diagrams."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.transforms import Bbox

from actret_core.viz.style import REGION, readable


def bars(values: Mapping[str, float], label: str, spread: Mapping[str, tuple[float, float]] | None = None) -> Figure:
    """Horizontal bars with their numbers; `spread` gives the ends (low, high) of an interval for each name."""
    figure, axes = plt.subplots(figsize=(6.2, 0.42 * len(values) + 0.9), layout="constrained")
    names, lengths = list(values), np.array(list(values.values()))
    ends = np.array([spread[n] for n in names]).T if spread else None
    error = np.abs(ends - lengths) if spread else None
    style = {"color": "#6baed6", "edgecolor": "black", "linewidth": 0.6, "capsize": 3}
    axes.barh([readable(n) for n in names], lengths, xerr=error, **style)
    reach = ends[1] if spread else lengths
    for row, (length, end) in enumerate(zip(lengths, reach, strict=True)):
        axes.text(end + 0.01 * max(reach), row, f" {length:.1f}", va="center", fontsize=9)
    axes.set(xlabel=label, xlim=(0, 1.12 * max(reach)))
    axes.invert_yaxis()
    return figure


def embedding_map(points: np.ndarray, labels: np.ndarray, actions: Sequence[str]) -> Figure:
    """Embeddings projected to the plane [N, 2], one color and marker an action."""
    figure, axes = plt.subplots(figsize=(7.5, 5.5), layout="constrained")
    colors, markers = plt.get_cmap("tab20").colors, "osD^v<>PX*phH"
    for label in np.unique(labels):
        chosen = points[labels == label]
        look = {"color": colors[label % 20], "marker": markers[label % 13]}
        axes.scatter(*chosen.T, s=14, label=readable(actions[label]), **look)
    axes.legend(fontsize=7, loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    axes.set(xticks=[], yticks=[], xlabel="first direction (no unit)", ylabel="second direction (no unit)")
    return figure


def label_points(axes: Axes, points: np.ndarray, names: Sequence[str], size: float = 8) -> None:
    """Write each name beside its point [n, 2]: above, below, right or left, wherever it hides least.

    Call it last: names are placed for the axes as they are then.
    """
    axes.figure.canvas.draw()
    dots = axes.transData.transform(points)
    taken = [Bbox.from_bounds(x - 5, y - 5, 10, 10) for x, y in dots]
    sides = (
        ((0, 7), "center", "bottom"), ((0, -7), "center", "top"), ((8, 0), "left", "center"), ((-8, 0), "right", "center"),
    )
    for point, name in zip(points, names, strict=True):
        tries = [axes.annotate(name, point, shift, textcoords="offset points", ha=ha, va=va, fontsize=size)
                 for shift, ha, va in sides]
        places = [text.get_window_extent() for text in tries]
        hidden = [place.count_overlaps(taken) for place in places]
        best = int(np.argmin(hidden))
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

    A row of `texts` replaces the marks.
    """
    width, texts = max(map(len, rows.values())), texts or {}
    figure, axes = plt.subplots(figsize=(max(6, 0.24 * width + 1.8), 0.36 * len(rows) + 0.8), layout="constrained")
    looks = {1: (REGION, "✓", "white"), 0: ("#d9d9d9", "✗", "black"), -1: ("white", "", "black")}
    for y, (name, marks) in enumerate(rows.items()):
        for x, mark in enumerate(marks, start=1):
            face, sign, ink = looks[int(mark)]
            axes.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor=face, edgecolor="black", linewidth=0.5))
            text = texts[name][x - 1] if name in texts else sign
            axes.text(x, y, text, color=ink, ha="center", va="center", fontsize=8)
    axes.set(xlim=(0.4, width + 0.6), ylim=(len(rows) - 0.4, -0.6), xlabel="place")
    axes.set_yticks(range(len(rows)), list(rows))
    axes.set_xticks([1, *range(5, width + 1, 5)])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return figure
