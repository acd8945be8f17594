from pathlib import Path

import numpy as np

from actret_core.data.sample import ActionSample, ActionSplit


def test_a_split_counts_names_and_targets() -> None:
    image = Path("JPEGImages/2010_1.jpg")
    persons = [
        ActionSample(f"2010_1#{i}", image, (60, 40), (1, 1, 9, 9), labels)
        for i, labels in enumerate([(0, 2), (), (1,)])
    ]
    split = ActionSplit("voc2012", "val", ("jumping", "phoning", "reading"), tuple(persons))
    assert len(split) == 3 and split.ids == ["2010_1#0", "2010_1#1", "2010_1#2"]
    assert {p.image_id for p in persons} == {"2010_1.jpg"}
    assert split.targets.dtype == bool
    np.testing.assert_array_equal(split.targets, [[1, 0, 1], [0, 0, 0], [0, 1, 0]])
