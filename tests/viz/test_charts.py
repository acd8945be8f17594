import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import to_hex

from actret_core import viz

ACTIONS = ("drinking", "riding_a_bike", "phoning")


def test_bars_carry_their_numbers() -> None:
    figure = viz.bars({"without_fusion": 40.04, "all": 62.51}, "mAP (%)")
    axes = figure.axes[0]
    assert [p.get_width() for p in axes.patches] == [40.04, 62.51]
    assert [t.get_text().strip() for t in axes.texts] == ["40.0", "62.5"]
    assert [t.get_text() for t in axes.get_yticklabels()] == ["without fusion", "all"]
    assert axes.get_xlabel() == "mAP (%)" and axes.get_xlim()[1] > 62.51 and not axes.containers[0].errorbar


def test_bars_show_an_interval() -> None:
    figure = viz.bars({"a": 40.0, "b": 62.0}, "mAP (%)", {"a": (38.0, 43.0), "b": (61.0, 64.0)})
    axes = figure.axes[0]
    segments = axes.containers[-1].errorbar.lines[2][0].get_segments()
    np.testing.assert_allclose([[s[0][0], s[1][0]] for s in segments], [[38, 43], [61, 64]])
    assert axes.get_xlim()[1] > 64


def test_embedding_map_has_a_group_an_action() -> None:
    points, labels = np.random.default_rng(0).normal(size=(30, 2)), np.repeat([0, 2], 15)
    axes = viz.embedding_map(points, labels, ACTIONS).axes[0]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["drinking", "phoning"]
    assert sum(len(group.get_offsets()) for group in axes.collections) == 30


def test_forty_actions_have_forty_looks() -> None:
    points, labels = np.zeros((40, 2)), np.arange(40)
    axes = viz.embedding_map(points, labels, [f"action_{i}" for i in range(40)]).axes[0]
    (drawn,) = axes.collections
    pairs = zip(drawn.get_facecolors(), drawn.get_paths(), strict=True)
    looks = {(to_hex(color), path.vertices.tobytes()) for color, path in pairs}
    assert len(looks) == 40


def test_flow_chart_has_a_frame_a_node_and_an_arrow_a_pair() -> None:
    nodes = {"f": (0, 0, "backbone F", "black"), "t": (2, 0, "tokens", "red"), "e": (4, 1, "F_T", "blue")}
    axes = viz.flow_chart(nodes, [("f", "t"), ("t", "e")]).axes[0]
    framed = [text for text in axes.texts if text.get_bbox_patch()]
    assert {text.get_text() for text in framed} == {"backbone F", "tokens", "F_T"}
    arrows = [text for text in axes.texts if text.get_text() == "" and text.arrow_patch]
    assert [(a.xyann, a.xy) for a in arrows] == [((0, 0), (2, 0)), ((2, 0), (4, 1))]


def test_rank_strips_mark_right_wrong_and_empty() -> None:
    rows = {"query 1": np.array([1, 0, 1]), "removed": np.array([1, -1])}
    axes = viz.rank_strips(rows, {"removed": ["a", "b"]}).axes[0]
    (squares,) = axes.collections
    np.testing.assert_array_equal(np.reshape(squares.get_array(), (2, 3)), [[1, 0, 1], [1, -1, -1]])
    right, wrong, _, _, empty, _ = (to_hex(color) for color in squares.get_facecolors())
    assert (right, wrong, empty) == (viz.REGION, "#d9d9d9", "#ffffff")
    assert [text.get_text() for text in axes.texts] == ["✓", "✗", "✓", "a", "b", ""]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["query 1", "removed"]


def test_labels_are_written_once_each_and_make_room() -> None:
    figure, axes = plt.subplots(figsize=(6, 4))
    points, names = np.array([[0.0, 0.0], [0.02, 0.0], [1.0, 1.0]]), ["one", "another", "far away"]
    axes.scatter(*points.T)
    viz.label_points(axes, points, names)
    assert [text.get_text() for text in axes.texts] == names
    boxes = [text.get_window_extent() for text in axes.texts]
    assert boxes[0].count_overlaps(boxes[1:]) == 0
