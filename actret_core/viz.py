"""Pictures of the book: functions that return a matplotlib Figure, readable in gray and by the color-blind."""

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.transforms import Bbox

from actret_core.data.dataset import read_image
from actret_core.data.sample import ActionSample
from actret_core.data.transforms import IMAGENET_MEAN, IMAGENET_STD

PERSON, REGION, WRONG = "#d7301f", "#2171b5", "#969696"
PERSON_STYLE = {"edgecolor": PERSON, "linewidth": 2.2, "linestyle": "-"}
REGION_STYLE = {"edgecolor": REGION, "linewidth": 1.3, "linestyle": "--"}


def draw_boxes(axes: Axes, boxes: np.ndarray, **style: object) -> None:
    """Draw boxes [n, 4], xyxy in pixels, on a picture."""
    for x0, y0, x1, y1 in np.asarray(boxes).reshape(-1, 4):
        axes.add_patch(Rectangle((x0, y0), x1 - x0, y1 - y0, fill=False, **style))


def show_image(axes: Axes, image: np.ndarray, title: str = "") -> None:
    """A picture [3, H, W] (uint8, or normalized for the model) without ticks."""
    image = np.asarray(image)
    if image.dtype != np.uint8:
        image = image * np.reshape(IMAGENET_STD, (3, 1, 1)) + np.reshape(IMAGENET_MEAN, (3, 1, 1))
        image = (image.clip(0, 1) * 255).astype(np.uint8)
    axes.imshow(image.transpose(1, 2, 0))
    axes.set_title(title, fontsize=9)
    axes.set_axis_off()


def readable(action: str) -> str:
    """An action's name as words: "riding_a_bike" -> "riding a bike"."""
    return action.replace("_", " ")


def sample_grid(samples: Sequence[ActionSample], actions: Sequence[str], columns: int = 4) -> Figure:
    """Photographs with the box of the anchored person (solid red) and the action."""
    figure, axes = _grid(len(samples), columns, 2.3)
    for ax, sample in zip(axes, samples):
        label = ", ".join(readable(actions[i]) for i in sample.labels) or "other"
        show_image(ax, read_image(sample.image), label)
        draw_boxes(ax, sample.person, **PERSON_STYLE)
    return figure


def context_panel(sample: ActionSample, regions: np.ndarray, title: str = "", axes: Axes | None = None) -> Figure:
    """One photograph with its anchored person (solid red) and contextual regions [m, 4] (dashed blue, numbered)."""
    axes = axes or plt.subplots(figsize=(3.4, 3.4), layout="constrained")[1]
    show_image(axes, read_image(sample.image), title)
    draw_boxes(axes, regions, **REGION_STYLE)
    ground = {"facecolor": REGION, "pad": 1, "lw": 0}
    for rank, (x0, y0, *_) in enumerate(np.asarray(regions).reshape(-1, 4), start=1):
        axes.text(x0 + 2, y0 + 2, str(rank), color="white", fontsize=7, va="top", bbox=ground)
    draw_boxes(axes, sample.person, **PERSON_STYLE)
    return axes.figure


def ranked_list(query: ActionSample, answers: Sequence[ActionSample], actions: Sequence[str]) -> Figure:
    """A query and its gallery, best first (Fig. 5): right answers have a frame and a check mark, wrong ones neither."""
    figure, axes = _grid(1 + len(answers), 1 + len(answers), 1.6)
    for place, (ax, sample) in enumerate(zip(axes, [query, *answers])):
        right = bool(set(sample.labels) & set(query.labels))
        name = ", ".join(readable(actions[i]) for i in sample.labels) or "other"
        mark = "query" if place == 0 else f"{place} {'✓' if right else '✗'}"
        show_image(ax, read_image(sample.image), f"{mark}\n{name}")
        ax.title.set_fontsize(7)
        draw_boxes(ax, sample.person, edgecolor=PERSON if place == 0 else "white", linewidth=1.2)
        if place and right:
            ax.add_patch(Rectangle((0, 0), 1, 1, transform=ax.transAxes, fill=False, lw=5, edgecolor="#238b45"))
    return figure


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


def query_rows(
    queries: Sequence[ActionSample], galleries: Sequence[Sequence[ActionSample]], actions: Sequence[str]
) -> Figure:
    """The task in one picture: each row a query, an arrow, and its gallery, the far end of it last."""
    columns = len(galleries[0])
    figure = plt.figure(figsize=(2.6 + 1.75 * columns, 2.2 * len(queries)), layout="constrained")
    grid = figure.add_gridspec(len(queries), columns + 3, width_ratios=[1.35, 0.3, *[1] * (columns - 1), 0.2, 1])
    for row, (query, gallery) in enumerate(zip(queries, galleries, strict=True)):
        ax = figure.add_subplot(grid[row, 0])
        show_image(ax, read_image(query.image), f"query: {_action(query, actions)}")
        draw_boxes(ax, query.person, **PERSON_STYLE | {"linewidth": 3})
        for column, sign in ((1, "➜"), (columns + 1, "…")):
            ax = figure.add_subplot(grid[row, column])
            ax.set_axis_off()
            ax.text(0.5, 0.5, sign, fontsize=24, ha="center", va="center", transform=ax.transAxes)
        for place, sample in enumerate(gallery, start=1):
            last = place == columns
            ax = figure.add_subplot(grid[row, place + 1 + last])
            _answer(ax, sample, query, actions, "" if last else str(place))
    return figure


def _answer(axes: Axes, sample: ActionSample, query: ActionSample, actions: Sequence[str], place: str) -> None:
    right = bool(set(sample.labels) & set(query.labels))
    show_image(axes, read_image(sample.image), f"{place} {'✓' if right else '✗'} {_action(sample, actions)}".strip())
    draw_boxes(axes, sample.person, **PERSON_STYLE | {"linewidth": 1.4})
    if right:
        axes.add_patch(Rectangle((0, 0), 1, 1, transform=axes.transAxes, fill=False, lw=5, edgecolor="#238b45"))


def _action(sample: ActionSample, actions: Sequence[str]) -> str:
    return ", ".join(readable(actions[i]) for i in sample.labels) or "other"


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


def ranked_outlines(rows: Sequence[Sequence[tuple[np.ndarray, str]]]) -> Figure:
    """Ranked lists without photographs: a row is a query and its answers.

    Each is (boxes [1 + m, 4], action), the person's box first.
    """
    figure, axes = _grid(sum(map(len, rows)), len(rows[0]), 1.25)
    for number, (ax, (boxes, action)) in enumerate(zip(axes, (item for row in rows for item in row))):
        row, place = divmod(number, len(rows[0]))
        right, low, high = action == rows[row][0][1], boxes[:, :2].min(0).astype(float), boxes[:, 2:].max(0)
        (x, y), half = (low + high) / 2, 0.55 * (high - low).max()
        ax.set(xlim=(x - half, x + half), ylim=(y + half, y - half), aspect="equal", xticks=[], yticks=[])
        name = textwrap.fill(action, 16)
        ax.set_title(f"{place} {'✓' if right else '✗'}\n{name}" if place else f"query\n{name}", fontsize=7)
        draw_boxes(ax, boxes[1:], **REGION_STYLE | {"linewidth": 0.7})
        draw_boxes(ax, boxes[:1], **PERSON_STYLE)
        ax.spines[:].set(linewidth=3.5 if place and right else 0.8, edgecolor="#238b45" if place and right else WRONG)
    return figure


def save_figure(figure: Figure, folder: str | Path, name: str) -> None:
    """Write `figure` as `<folder>/<name>.png`, 110 dots an inch."""
    path = Path(folder) / f"{name}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110, metadata={"Software": None})


def _grid(count: int, columns: int, side: float) -> tuple[Figure, Sequence[Axes]]:
    rows = -(-count // columns)
    size = side * columns, (side + 0.3) * rows
    figure, axes = plt.subplots(rows, columns, figsize=size, layout="constrained", squeeze=False)
    for ax in axes.flat[count:]:
        ax.set_axis_off()
    return figure, list(axes.flat)
