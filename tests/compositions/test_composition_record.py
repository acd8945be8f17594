from collections.abc import Callable
from pathlib import Path

import pytest

from actret_core.compositions import record as module
from actret_core.compositions.record import record_study, visuals_without
from actret_core.compositions.study import TextPreset
from actret_core.data.tokens import FrozenTokens
from actret_core.errors import ConfigError
from actret_core.results import list_records

NAMES = ["jpose-concat-cpu-seed1", "jpose-cpu-seed1", "mmen-caption-cpu-seed1", "mmen-cpu-seed1", "prototype-cpu-seed1"]


def test_a_seed_is_recorded_once(
    make_tokens: Callable[..., FrozenTokens], quick: TextPreset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(module.HELD_OUT, "stanford40", ("riding_a_bike", "riding_a_horse"))
    said: list[str] = []
    records = record_study("stanford40", make_tokens(), quick, 1, tmp_path, said.append)
    assert sorted(p.stem for p in (tmp_path / "stanford40").glob("*.json")) == NAMES
    assert len(said) == 10 and said[0].startswith("stanford40 seed 1: jpose without riding_a_bike: mAP ")
    by_name = {r.stem: r for r in list_records(tmp_path, "stanford40")}
    metrics = by_name["mmen-cpu-seed1"].metrics
    for name in ("mAP", "image_mAP"):
        held = [metrics["held_out"][action][name] for action in ("riding_a_bike", "riding_a_horse")]
        assert metrics[name] == pytest.approx(sum(held) / 2, abs=1e-3)
    record = by_name["jpose-cpu-seed1"]
    assert (record.seed, record.epochs, record.config["train"]["seed"]) == (1, 6, 1)
    assert record.config["visual"]["train"]["seed"] == 1 and record.dataset_fingerprint["images"] == 60
    seen = by_name["prototype-cpu-seed1"].metrics["seen"]
    assert seen["mAP"] > 90 and set(seen["held_out"]) == {"riding_a_bike", "riding_a_horse"}
    assert "text" not in by_name["prototype-cpu-seed1"].config
    monkeypatch.setattr(module, "embed_without", lambda *_: pytest.fail("nothing is left to do"))
    assert len(records) == 5 and record_study("stanford40", make_tokens(), quick, 1, tmp_path, said.append) == []


def test_an_action_that_cannot_be_held_out(make_tokens: Callable[..., FrozenTokens], quick: TextPreset) -> None:
    with pytest.raises(ConfigError, match="held='cutting_trees'"):
        next(visuals_without("stanford40", make_tokens(), quick, ("cutting_trees",)))
