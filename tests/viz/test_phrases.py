from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_hex

from actret_core.data.readers.stanford40 import read_stanford40
from actret_core.viz.phrases import HALF, phrase_rows, space_maps


def test_rows_of_phrases(playground: Path) -> None:
    split = read_stanford40(playground, "test", name="playground")
    samples = split.samples[:3]
    rows, degrees = {"riding a bike": samples, "walk": samples[:2]}, {"riding a bike": [1, 0.5, 0], "walk": [0, 1]}
    figure = phrase_rows(rows, degrees, split.actions)
    titles = [ax.get_title().split("\n")[0] for ax in figure.axes if ax.get_title()]
    assert titles == ["1 ✓", "2 ½", "3 ✗", "1 ✗", "2 ✓"]
    assert [t.get_text() for ax in figure.axes for t in ax.texts] == ["“riding a bike”", "“walk”"]
    found = [[p for p in ax.patches if (p.get_width(), p.get_height()) == (1, 1)] for ax in figure.axes]
    assert [[p.get_linewidth() for p in frames] for frames in found] == [[], [5], [2.5], [], [], [], [5]]
    half = found[2][0]
    assert to_hex(half.get_edgecolor()) == HALF and half.get_linestyle() == "--", "told from the other in gray, too"


def test_a_relevance_for_every_image(playground: Path) -> None:
    split = read_stanford40(playground, "test", name="playground")
    with pytest.raises(ValueError, match="zip"):
        phrase_rows({"walk": split.samples[:3]}, {"walk": [1]}, split.actions)


def test_maps_of_spaces() -> None:
    rng = np.random.default_rng(0)
    points, labels = rng.normal(size=(30, 2)), np.arange(30) % 3
    unseen = np.arange(30) >= 24
    figure = space_maps({"verbs": (points, labels), "nouns": (points, labels % 2)},
                        {"verbs": ["ride", "fix", "feed"], "nouns": ["bike", "horse"]}, unseen)
    verbs, nouns = figure.axes
    assert [t.get_text() for t in verbs.texts] == ["ride", "fix", "feed"] and len(nouns.texts) == 2
    np.testing.assert_allclose(verbs.texts[1].xy, np.median(points[(labels == 1) & ~unseen], axis=0))
    assert sum(len(c.get_offsets()) for c in verbs.collections) == 30 and len(verbs.collections[-1].get_offsets()) == 6
    assert verbs.get_xlabel() and HALF.startswith("#")
