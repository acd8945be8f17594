from pathlib import Path

import pytest

from actret_core.data.readers.registry import DATASETS, dataset_info, read_split
from actret_core.errors import ConfigError


def test_every_data_set_has_a_training_and_an_evaluation_split() -> None:
    assert {name: (d.train, d.evaluation) for name, d in DATASETS.items()} == {
        "playground": ("train", "test"),
        "stanford40": ("train", "test"),
        "voc2012": ("train", "val"),
    }
    assert all(d.proposals.endswith((".json", ".json.gz")) for d in DATASETS.values())


def test_one_reader_serves_stanford40_and_the_playground(tiny: Path) -> None:
    assert read_split("stanford40", tiny, "test").dataset == "stanford40"
    playground = read_split("playground", tiny, dataset_info("playground").evaluation)
    assert playground.dataset == "playground" and len(playground) == 4


def test_unknown_names_are_errors_that_help(tiny: Path) -> None:
    with pytest.raises(ConfigError, match="dataset='stanford-40': .*; did you mean 'stanford40'"):
        read_split("stanford-40", tiny, "train")
    with pytest.raises(ConfigError, match="dataset='coco': .* of playground, stanford40, voc2012$"):
        dataset_info("coco")
    with pytest.raises(ConfigError, match="split='validation': expected one of train, test"):
        read_split("stanford40", tiny, "validation")
