"""Photographs with boxes: samples, contextual regions, ranked lists."""

import textwrap
from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from actret_core.data.sample import ActionSample
from actret_core.viz.style import PERSON, PERSON_STYLE, REGION, REGION_STYLE, RIGHT, WRONG, readable


def read_pixels(sample: ActionSample) -> np.ndarray:
    """A sample's photograph, uint8 [3, H, W]."""
    from actret_core.data.dataset import read_image  # brings torch, seconds that other charts need not wait for

    return read_image(sample.image, sample.size).numpy()


def draw_boxes(axes: Axes, boxes: np.ndarray, **style: object) -> None:
    """Draw boxes [n, 4], xyxy in pixels, on a picture."""
    for x0, y0, x1, y1 in np.asarray(boxes).reshape(-1, 4):
        axes.add_patch(Rectangle((x0, y0), x1 - x0, y1 - y0, fill=False, **style))


def show_image(axes: Axes, image: np.ndarray, title: str = "") -> None:
    """A picture [3, H, W] (uint8, or normalized for the model) without ticks."""
    image = np.asarray(image)
    if image.dtype != np.uint8:
        from actret_core.data.transforms import IMAGENET_MEAN, IMAGENET_STD

        image = image * np.reshape(IMAGENET_STD, (3, 1, 1)) + np.reshape(IMAGENET_MEAN, (3, 1, 1))
        image = (image.clip(0, 1) * 255).astype(np.uint8)
    axes.imshow(image.transpose(1, 2, 0))
    axes.set_title(title, fontsize=9)
    axes.set_axis_off()


def draw_frame(axes: Axes, **style: object) -> None:
    """A frame around a picture: thick and green, what is right, unless `style` says otherwise."""
    style = {"edgecolor": RIGHT, "linewidth": 5} | style
    axes.add_patch(Rectangle((0, 0), 1, 1, transform=axes.transAxes, fill=False, **style))


def action_names(sample: ActionSample, actions: Sequence[str]) -> str:
    """The actions of the anchored person as words, or "other" where there is none."""
    return ", ".join(readable(actions[i]) for i in sample.labels) or "other"


def sample_grid(samples: Sequence[ActionSample], actions: Sequence[str], columns: int = 4) -> Figure:
    """Photographs with the box of the anchored person (solid red) and the action."""
    figure, axes = _grid(len(samples), columns, 2.3)
    for ax, sample in zip(axes, samples):
        show_image(ax, read_pixels(sample), action_names(sample, actions))
        draw_boxes(ax, sample.person, **PERSON_STYLE)
    return figure


def context_panel(sample: ActionSample, regions: np.ndarray, title: str = "", axes: Axes | None = None) -> Figure:
    """One photograph with its anchored person (solid red) and contextual regions [m, 4] (dashed blue, numbered)."""
    axes = axes or plt.subplots(figsize=(3.4, 3.4), layout="constrained")[1]
    show_image(axes, read_pixels(sample), title)
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
        right = _share_an_action(sample, query)
        mark = "query" if place == 0 else f"{place} {'✓' if right else '✗'}"
        show_image(ax, read_pixels(sample), f"{mark}\n{action_names(sample, actions)}")
        ax.title.set_fontsize(7)
        draw_boxes(ax, sample.person, edgecolor=PERSON if place == 0 else "white", linewidth=1.2)
        if place and right:
            draw_frame(ax)
    return figure


def query_rows(
    queries: Sequence[ActionSample], galleries: Sequence[Sequence[ActionSample]], actions: Sequence[str]
) -> Figure:
    """The task in one picture: each row is a query, an arrow and its ranked gallery, the last place at the end."""
    columns = len(galleries[0])
    figure = plt.figure(figsize=(2.6 + 1.75 * columns, 2.2 * len(queries)), layout="constrained")
    grid = figure.add_gridspec(len(queries), columns + 3, width_ratios=[1.35, 0.3, *[1] * (columns - 1), 0.2, 1])
    for row, (query, gallery) in enumerate(zip(queries, galleries, strict=True)):
        ax = figure.add_subplot(grid[row, 0])
        show_image(ax, read_pixels(query), f"query: {action_names(query, actions)}")
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
    right = _share_an_action(sample, query)
    title = f"{place} {'✓' if right else '✗'} {action_names(sample, actions)}".strip()
    show_image(axes, read_pixels(sample), title)
    draw_boxes(axes, sample.person, **PERSON_STYLE | {"linewidth": 1.4})
    if right:
        draw_frame(axes)


def _share_an_action(left: ActionSample, right: ActionSample) -> bool:
    return bool(set(left.labels) & set(right.labels))


def ranked_outlines(rows: Sequence[Sequence[tuple[np.ndarray, str]]]) -> Figure:
    """Ranked lists without photographs: each row is a query and its answers, best first.

    A photograph is given as (boxes [1 + m, 4], action): xyxy in pixels, the person's box first.
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
        ax.spines[:].set(linewidth=3.5 if place and right else 0.8, edgecolor=RIGHT if place and right else WRONG)
    return figure


def _grid(count: int, columns: int, side: float) -> tuple[Figure, Sequence[Axes]]:
    rows = -(-count // columns)
    size = side * columns, (side + 0.3) * rows
    figure, axes = plt.subplots(rows, columns, figsize=size, layout="constrained", squeeze=False)
    for ax in axes.flat[count:]:
        ax.set_axis_off()
    return figure, list(axes.flat)
