"""The protocol files are what the official data say: built from tiny folders, and rebuilt from the real ones."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from actret_core.data.readers.registry import read_split
from actret_core.errors import ConfigError, DataError
from actret_core.training.embed import to_embeddings as split_to_embeddings
from actret_core.retrieval.protocol import load_protocol, to_embeddings
from actret_core.experiments.benchmark import build_protocol
from actret_core.experiments.record import read_record

ROOT = Path(__file__).parents[2]
PERSON = """<object><name>person</name><actions><{0}>1</{0}></actions>
<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></bndbox></object>"""


@pytest.fixture
def voc(tmp_path: Path) -> Path:
    """Annotations alone: one photograph to train on, two for val, the first with two persons."""
    persons = {"2010_1": ["walking"], "2011_2": ["other", "running"], "2011_3": ["running"]}
    (tmp_path / "Annotations").mkdir()
    for stem, actions in persons.items():
        text = "".join(PERSON.format(action) for action in actions)
        size = "<size><width>10</width><height>10</height></size>"
        (tmp_path / "Annotations" / f"{stem}.xml").write_text(f"<annotation>{text}{size}</annotation>")
    lists = tmp_path / "ImageSets" / "Action"
    lists.mkdir(parents=True)
    (lists / "train.txt").write_text("2010_1\n")
    (lists / "val.txt").write_text("2011_2\n2011_3\n")
    return tmp_path


def test_voc_needs_no_photographs_and_keeps_who_shares_one(voc: Path) -> None:
    protocol = build_protocol("voc2012", voc)
    assert (protocol.train_ids, protocol.ids) == (("2010_1#0",), ("2011_2#0", "2011_2#1", "2011_3#0"))
    assert protocol.groups == ("2011_2.jpg", "2011_2.jpg", "2011_3.jpg")
    running = protocol.actions.index("running")
    assert protocol.labels == ((), (running,), (running,))


def test_stanford40_is_the_split_that_training_scores_itself_on(playground: Path) -> None:
    """`playground` stands in Stanford-40's layout; the experiment's own embeddings are the oracle."""
    protocol = build_protocol("stanford40", playground)
    split = read_split("stanford40", playground, "test")
    features = np.random.default_rng(0).standard_normal((len(split), 4)).astype(np.float32)
    expected, found = split_to_embeddings(split, features), to_embeddings(protocol, features[::-1], split.ids[::-1])
    assert protocol.groups is None and protocol.actions == split.actions
    assert protocol.train_ids == tuple(read_split("stanford40", playground, "train").ids)
    for name in ("features", "labels", "ids"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))


def test_bad_input_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="dataset='playground': expected one of stanford40, voc2012"):
        build_protocol("playground", tmp_path)
    with pytest.raises(DataError, match="no folder"):
        build_protocol("voc2012", tmp_path)


@pytest.mark.parametrize(
    ("name", "folder"), [("stanford40", "stanford40"), ("voc2012", "VOC2012_action_annotations")]
)
def test_real_files_give_the_packaged_protocol(real_data: Path, name: str, folder: str) -> None:
    assert build_protocol(name, real_data / folder) == load_protocol(name)


def test_the_recorded_fingerprint_is_that_of_the_protocol() -> None:
    """Computed as a record's is: the SHA-256 of the sorted ids of both splits."""
    protocol = load_protocol("stanford40")
    names = ["train", *sorted(protocol.train_ids), "evaluation", *sorted(protocol.ids)]
    expected = hashlib.sha256("\n".join(names).encode()).hexdigest()
    records = [read_record(path) for path in ROOT.glob("results/stanford40/*.json")]
    assert records and all(r.dataset_fingerprint["splits_sha256"] == expected for r in records)
