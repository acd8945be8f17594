import json
import math

import numpy as np
import pytest
from scipy import stats

from actret_core.errors import ConfigError
from actret_core.experiments.record import RunRecord, interval, list_records, provenance, read_record


def record(**changes):
    values = {
        "dataset": "stanford40",
        "method": "region_net",
        "tier": "cpu",
        "seed": 0,
        "metrics": {"mAP": 66.1, "rank1": 80.0, "reranked": {"mAP": 70.2, "variant": "concatenated"}},
        "config": {"epochs": 9},
        "epochs": 9,
        "wall_seconds": 12.5,
        "device": "cpu",
        "versions": {"numpy": "2.0"},
        "commit": "abc",
        "dataset_fingerprint": {"images": 9532, "splits_sha256": "00"},
    }
    return RunRecord(**(values | changes))


def test_a_record_comes_back(tmp_path):
    before = record(variant="no-fusion", extra={"metrics_full_dim": {"mAP": 66.4}})
    path = before.write(tmp_path)
    assert path == tmp_path / "stanford40" / "region_net-no-fusion-cpu-seed0.json"
    assert read_record(path) == before
    text = path.read_text()
    assert list(json.loads(text)) == sorted(json.loads(text))
    assert json.loads(text)["metrics_full_dim"] == {"mAP": 66.4}
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_names_follow_the_rule(tmp_path):
    plain = record(seed=3)
    assert plain.write(tmp_path) == tmp_path / "stanford40" / "region_net-cpu-seed3.json"
    assert (
        plain.embeddings_path(tmp_path) == tmp_path / "stanford40" / "embeddings" / "region_net-cpu-seed3.npz"
    )
    assert "variant" not in json.loads(plain.path(tmp_path).read_text())


def test_records_of_a_data_set_are_listed_by_name(tmp_path):
    for seed in (1, 0):
        record(seed=seed).write(tmp_path)
    record(dataset="voc2012").write(tmp_path)
    (tmp_path / "stanford40" / "embeddings").mkdir()
    assert [r.seed for r in list_records(tmp_path, "stanford40")] == [0, 1]
    assert list_records(tmp_path, "playground") == []


@pytest.mark.parametrize(
    "field, value",
    [
        ("tier", "huge"),
        ("seed", -1),
        ("seed", 0.5),
        ("seed", True),
        ("epochs", "9"),
        ("wall_seconds", -1.0),
        ("wall_seconds", math.nan),
        ("metrics", []),
        ("config", None),
        ("dataset", "../x"),
        ("method", "Region Net"),
        ("variant", "a/b"),
        ("extra", {"seed": 1}),
    ],
)
def test_values_without_sense_are_named(field, value):
    with pytest.raises(ConfigError, match=field):
        record(**{field: value})


@pytest.mark.parametrize(
    "key",
    [
        "dataset",
        "method",
        "tier",
        "seed",
        "metrics",
        "config",
        "epochs",
        "wall_seconds",
        "device",
        "versions",
        "commit",
        "dataset_fingerprint",
    ],
)
def test_a_missing_key_is_named(tmp_path, key):
    path = record().write(tmp_path)
    values = json.loads(path.read_text())
    del values[key]
    path.write_text(json.dumps(values))
    with pytest.raises(ConfigError, match=f"seed0.json: lacks the keys {key};"):
        read_record(path)


@pytest.mark.parametrize("text", ["", '{"dataset": "stan', "[]", "3", '{"dataset": "\xff"}'])
def test_a_cut_or_foreign_file_is_named(tmp_path, text):
    path = tmp_path / "run.json"
    path.write_bytes(text.encode("latin1"))
    with pytest.raises(ConfigError, match="run.json"):
        read_record(path)
    with pytest.raises(ConfigError, match="absent.json"):
        read_record(tmp_path / "absent.json")


@pytest.mark.parametrize("value", [math.nan, np.float32(1), {1, 2}])
def test_what_json_cannot_hold_is_refused_and_the_old_record_stays(tmp_path, value):
    path = record().write(tmp_path)
    with pytest.raises(ConfigError, match="plain JSON"):
        record(metrics={"mAP": value}).write(tmp_path)
    assert read_record(path) == record()


def test_provenance_fills_its_fields():
    fields = provenance()
    assert set(fields) == {"device", "versions", "commit"}
    assert fields["versions"]["numpy"] == np.__version__
    assert fields["device"]
    record(**fields)


def test_interval_is_students():
    values = [70.1, 71.3, 69.8, 70.6, 70.9]
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert interval(values) == pytest.approx((np.mean(values), expected.low, expected.high))
    assert interval([5.0, 5.0]) == (5.0, 5.0, 5.0)


def test_interval_of_one_value_has_no_bounds():
    mean, low, high = interval([3.0])
    assert mean == 3 and math.isnan(low) and math.isnan(high)
    with pytest.raises(ConfigError, match="values"):
        interval([])
