"""The protocol files, and whether embeddings fit them."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from actret_core.errors import ConfigError, DataError, EmbeddingError
from actret_core.retrieval.protocol import VERSIONS, Protocol, load_protocol, read_protocol, to_embeddings
from actret_core.retrieval.embeddings import Embeddings

ROOT = Path(__file__).parents[2]


def tiny(**changes) -> Protocol:
    values = {
        "name": "tiny", "version": 3, "source": "made up", "relevance": "same action", "exclusion": "itself",
        "actions": ("run", "sit"), "train_ids": ("t_1", "t_2"), "ids": ("b_2", "a_1", "c_3"),
        "labels": ((1,), (0,), (0,)), "groups": None,
    }  # fmt: skip
    return Protocol(**(values | changes))


SHARED = tiny(labels=((0, 1), (), (1,)), groups=("p.jpg", "p.jpg", "q.jpg"))
FEATURES = np.arange(1.0, 7).reshape(3, 2)


@pytest.mark.parametrize("protocol", [tiny(), SHARED])
def test_a_written_protocol_comes_back_and_its_bytes_depend_on_nothing_else(tmp_path: Path, protocol: Protocol) -> None:
    assert protocol.file_name == "tiny-v3.json.gz"
    protocol.write(tmp_path / "a" / "one.json.gz")
    protocol.write(tmp_path / "two.json.gz")
    assert read_protocol(tmp_path / "two.json.gz") == protocol
    packed = (tmp_path / "two.json.gz").read_bytes()
    assert (tmp_path / "a" / "one.json.gz").read_bytes() == packed
    assert packed[3:8] == bytes(5)                                    # no file name, and a date of zero


@pytest.mark.parametrize(
    "damage",
    [
        lambda raw: raw[:-9],
        lambda raw: b"",
        lambda raw: gzip.decompress(raw),
        lambda raw: gzip.compress(b"[1, 2]"),
        lambda raw: gzip.compress(json.dumps({"labels": []}).encode()),
        lambda raw: gzip.compress(gzip.decompress(raw).replace(b'"groups"', b'"crowds"')),
    ],
)
def test_a_damaged_protocol_is_named(tmp_path: Path, damage) -> None:
    path = tmp_path / "bad.json.gz"
    tiny().write(path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DataError, match="bad.json.gz: not a complete protocol"):
        read_protocol(path)
    with pytest.raises(DataError, match="none.json.gz"):
        read_protocol(tmp_path / "none.json.gz")


def test_ids_in_any_order_end_in_the_protocols() -> None:
    found = to_embeddings(tiny(), FEATURES.astype(np.float16), ["a_1", "c_3", "b_2"])
    assert found.ids.tolist() == ["b_2", "a_1", "c_3"] and found.features.dtype == np.float32
    np.testing.assert_array_equal(found.features, [[5, 6], [1, 2], [3, 4]])
    assert found.labels.tolist() == [1, 0, 0] and found.groups is None


def test_several_labels_none_and_a_shared_photograph() -> None:
    found = to_embeddings(SHARED, FEATURES, np.array([b"b_2", b"a_1", b"c_3"]))
    assert found.labels.tolist() == [[True, True], [False, False], [False, True]]
    assert found.groups.tolist() == ["p.jpg", "p.jpg", "q.jpg"]
    assert found.labeled.tolist() == [True, False, True]


def _with(row: int, value: float) -> np.ndarray:
    features = FEATURES.copy()
    features[row] = value
    return features


IDS = ["a_1", "b_2", "c_3"]


@pytest.mark.parametrize(
    ("features", "ids", "said"),
    [
        (FEATURES[:2], IDS[:2], "ids of tiny have no vector: 1, first 'c_3'; embed all 3"),
        (FEATURES, ["a_1", "b_2", "b_2"], "ids stand more than once: 1, first 'b_2'"),
        (FEATURES, ["a_1", "b_2", "c_3.jpg"], "ids are not in tiny: 1, first 'c_3.jpg'; did you mean 'c_3'"),
        (FEATURES, [0, 1, 2], "ids are not in tiny: 3, first '0', '1', '2'; they look like 'b_2'"),
        (np.ones((5, 2)), [*IDS, "t_1", "t_2"], "training set: 2, first 't_1', 't_2'; leave it out"),
        (FEATURES, IDS[:2], r"ids have shape \(2,\): expected \(3,\)"),
        (FEATURES, [IDS], r"ids have shape \(1, 3\)"),
        (FEATURES[0], IDS, r"features are float64 \(2,\): expected floats \[N, D\]"),
        (FEATURES[:, :0], IDS, r"float64 \(3, 0\)"),
        (FEATURES.astype(bool), IDS, r"features are bool"),
        (_with(1, np.nan), IDS, "features hold NaN or inf: 1, first 'b_2'; embed"),
        (_with(0, -np.inf), IDS, "NaN or inf: 1, first 'a_1'"),
        (_with(2, 0), IDS, "all zero and have no direction: 1, first 'c_3'"),
    ],
)
def test_what_does_not_fit_is_named(features: np.ndarray, ids: list, said: str) -> None:
    with pytest.raises(EmbeddingError, match=said):
        to_embeddings(tiny(), features, ids)


@pytest.mark.parametrize("features", [FEATURES.astype(np.int8), FEATURES * 1e200, torch.tensor(FEATURES).bfloat16()])
def test_features_of_any_number_format_keep_their_directions(features: object) -> None:
    found, expected = (to_embeddings(tiny(), f, IDS).normalized() for f in (features, FEATURES))
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_the_three_first_offenders_are_enough() -> None:
    with pytest.raises(EmbeddingError, match="have no vector: 4, first 'b', 'c', 'd'; embed all 5"):
        to_embeddings(tiny(ids=tuple("abcde"), labels=((0,),) * 5), FEATURES[:1], ["a"])


# The files that come with the package


@pytest.mark.parametrize("name", VERSIONS)
def test_the_packaged_files_are_whole(name: str) -> None:
    protocol = load_protocol(name)
    assert (protocol.name, protocol.version) == (name, VERSIONS[name])
    assert len(set(protocol.ids)) == len(protocol.ids) == len(protocol.labels) == len(protocol.targets)
    assert not set(protocol.ids) & set(protocol.train_ids)
    assert all(getattr(protocol, text) for text in ("source", "relevance", "exclusion"))
    assert protocol.targets.any(axis=0).all() and protocol.targets.shape[1] == len(protocol.actions)


def test_no_protocol_for_other_data() -> None:
    with pytest.raises(ConfigError, match="protocol='playground': expected one of stanford40, voc2012"):
        load_protocol("playground")


def test_stanford40_is_what_the_recorded_runs_were_made_on() -> None:
    protocol = load_protocol("stanford40")
    assert (len(protocol.actions), len(protocol.train_ids), len(protocol.ids)) == (40, 4000, 5532)
    recorded = sorted(ROOT.glob("results/stanford40/embeddings/*.npz"))
    assert recorded
    for run in map(Embeddings.load, recorded):
        assert tuple(run.ids.tolist()) == protocol.ids
        np.testing.assert_array_equal(to_embeddings(protocol, run.features, run.ids).labels, run.labels)


def test_voc2012_is_per_person() -> None:
    protocol = load_protocol("voc2012")
    assert (len(protocol.actions), len(protocol.train_ids), len(protocol.ids)) == (10, 3134, 3144)
    assert len(set(protocol.groups)) == 2292
    assert sum(not labels for labels in protocol.labels) == 522
    assert all(name.split("#")[0] + ".jpg" == photo for name, photo in zip(protocol.ids, protocol.groups, strict=True))
