import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from actret_core import viz
from actret_core.data.sample import ActionSample
from actret_core.data.transforms import IMAGENET_MEAN, IMAGENET_STD

ACTIONS = ("drinking", "riding_a_bike", "phoning")


def shown(figure: Figure) -> list:
    return [axes for axes in figure.axes if axes.images]


def edges(axes) -> list[tuple[float, ...]]:
    """The drawn boxes, xyxy."""
    boxes = [p for p in axes.patches if isinstance(p, Rectangle)]
    return [(*p.get_xy(), p.get_x() + p.get_width(), p.get_y() + p.get_height()) for p in boxes]


def test_boxes_are_drawn_where_they_are() -> None:
    axes = plt.figure().gca()
    viz.draw_boxes(axes, np.array([[1, 2, 5, 9], [0, 0, 3, 3]]), edgecolor="red")
    viz.draw_boxes(axes, (4, 4, 6, 7))
    viz.draw_boxes(axes, np.zeros((0, 4)))
    assert edges(axes) == [(1, 2, 5, 9), (0, 0, 3, 3), (4, 4, 6, 7)]
    assert not any(p.get_fill() for p in axes.patches)


def test_an_image_comes_back_from_its_normalization() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (3, 6, 8), dtype=np.uint8)
    mean, std = np.reshape(IMAGENET_MEAN, (3, 1, 1)), np.reshape(IMAGENET_STD, (3, 1, 1))
    for image in (pixels, ((pixels / 255 - mean) / std).astype(np.float32)):
        axes = plt.figure().gca()
        viz.show_image(axes, image, "a title")
        np.testing.assert_allclose(axes.images[0].get_array(), pixels.transpose(1, 2, 0), atol=1)
        assert axes.get_title() == "a title" and not axes.axison


def test_sample_grid_has_a_picture_and_a_box_a_sample(samples: list[ActionSample]) -> None:
    figure = viz.sample_grid(samples, ACTIONS, columns=2)
    assert len(figure.axes) == 6 and len(shown(figure)) == 5 and not figure.axes[5].axison
    assert [axes.get_title() for axes in shown(figure)] == [
        "drinking",
        "riding a bike",
        "drinking",
        "drinking, phoning",
        "other",
    ]
    assert all(edges(axes) == [(4, 5, 20, 25)] for axes in shown(figure))


@pytest.mark.parametrize("count", [0, 1, 3])
def test_context_panel_numbers_its_regions(samples: list[ActionSample], count: int) -> None:
    regions = np.array([[0, 0, 9, 9], [1, 1, 8, 8], [5, 5, 30, 29]], dtype=np.float32)[:count]
    figure = viz.context_panel(samples[0], regions, "ranked")
    axes = figure.axes[0]
    assert edges(axes) == [tuple(r) for r in regions.tolist()] + [(4, 5, 20, 25)]
    assert [text.get_text() for text in axes.texts] == [str(i + 1) for i in range(count)]
    assert {p.get_linestyle() for p in axes.patches[:-1]} <= {"--"} and axes.patches[
        -1
    ].get_linestyle() == "-"


def test_context_panel_draws_into_a_given_axes(samples: list[ActionSample]) -> None:
    figure, axes = plt.subplots(1, 2)
    assert viz.context_panel(samples[1], np.zeros((0, 4)), axes=axes[1]) is figure
    assert not axes[0].images and axes[1].images


def test_ranked_list_marks_right_answers(samples: list[ActionSample]) -> None:
    """An answer that shares one of several actions is right; one without an action is wrong."""
    figure = viz.ranked_list(samples[0], samples[1:], ACTIONS)
    assert len(shown(figure)) == len(figure.axes) == 5
    marks = [axes.get_title().split("\n")[0] for axes in figure.axes]
    assert marks == ["query", "1 ✗", "2 ✓", "3 ✓", "4 ✗"]
    assert [len(axes.patches) for axes in figure.axes] == [1, 1, 2, 2, 1]
    assert to_hex(figure.axes[0].patches[0].get_edgecolor()) == viz.PERSON


def test_query_rows_show_each_query_beside_its_gallery(samples: list[ActionSample]) -> None:
    figure = viz.query_rows(samples[:2], [samples[1:4], [samples[0], *samples[3:]]], ACTIONS)
    titles = [axes.get_title() for axes in shown(figure)]
    assert titles[:4] == ["query: drinking", "1 ✗ riding a bike", "2 ✓ drinking", "✓ drinking, phoning"]
    assert titles[4:] == ["query: riding a bike", "1 ✗ drinking", "2 ✗ drinking, phoning", "✗ other"]
    assert [len(axes.patches) for axes in shown(figure)] == [1, 1, 2, 2, 1, 1, 1, 1]
    assert len(figure.axes) - len(shown(figure)) == 4, "an arrow and an ellipsis a row"


def test_ranked_outlines_draw_persons_and_regions() -> None:
    boxes = np.array([[10, 10, 30, 60], [0, 0, 40, 70], [5, 5, 9, 9]], dtype=np.uint16)
    rows = [[(boxes, "drinking"), (boxes[:1], "drinking"), (boxes, "phoning")]]
    figure = viz.ranked_outlines(rows)
    assert [axes.get_title() for axes in figure.axes] == ["query\ndrinking", "1 ✓\ndrinking", "2 ✗\nphoning"]
    assert [len(axes.patches) for axes in figure.axes] == [3, 1, 3]
    assert edges(figure.axes[0])[-1] == (10, 10, 30, 60), "the person lies on top"
    for axes in figure.axes:
        (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
        assert bottom > top and all(
            left <= x0 and x1 <= right and top <= y0 and y1 <= bottom for x0, y0, x1, y1 in edges(axes)
        )
