from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from actret_core.text.compositions import folds as studies
from actret_core.text.compositions.folds import HELD_OUT, PLACES, Study, check_fold, object_study, place_study
from actret_core.data.playground import PLAYGROUND_ACTIONS
from actret_core.data.playground.pretext import shown_actions, shown_setting
from actret_core.data.tokens import FrozenTokens
from actret_core.errors import ConfigError
from actret_core.text.phrase import Phrase

Maker = Callable[..., FrozenTokens]


@pytest.fixture(scope="module")
def drawn() -> FrozenTokens:
    """The playground's 1500 samples, by name alone."""
    names = [f"{action}_{n + 1:03d}" for n in range(125) for action in PLAYGROUND_ACTIONS]
    return FrozenTokens(
        np.ones((1500, 3, 2), np.int8), np.ones(2, np.float32), np.ones(1500, np.uint8),
        np.zeros((1500, 2, 4), np.uint16), np.tile(np.arange(12, dtype=np.uint8), 125), np.array(names),
        np.arange(1500) // 12 % 3 != 2, np.array(PLAYGROUND_ACTIONS),
    )


def test_real_photographs_are_read_by_the_rule(make_tokens: Maker) -> None:
    study = object_study("stanford40", make_tokens())
    assert study.phrases[0] == Phrase("cut", ("tree",)) and study.phrases[3] == Phrase("ride", ("bike",))
    assert study.folds == (("riding_a_bike",), ("riding_a_horse",), ("fixing_a_bike",)) and study.name == ""
    visuals = study.visuals(("riding_a_bike",))
    assert visuals.train.sum() == 40 and visuals.test.sum() == 24 and not (visuals.train & (visuals.labels == 3)).any()
    assert (visuals.test & (visuals.labels == 3)).sum() == 4, "it is still searched for"
    assert study.visuals(()).train.sum() == 48, "the empty fold holds nothing out"


def test_objects_of_the_playground_and_its_bystanders(drawn: FrozenTokens) -> None:
    study = object_study("playground", drawn)
    assert study.phrases[PLAYGROUND_ACTIONS.index("drinking")] == Phrase("drink", ("cup",))
    for held in HELD_OUT["playground"]:
        learned = study.visuals((held,))
        names = drawn.ids[learned.train].tolist()
        assert not [name for name in names if held in shown_actions(name, 0)] and 700 < len(names) < 918
        assert set(names) < set(drawn.ids[drawn.train].tolist()) and learned.test.sum() == 492


def test_places(drawn: FrozenTokens) -> None:
    study = place_study(drawn)
    (fold,) = study.folds
    assert study.name == "places" and set(fold) == {
        "brush_city", "drink_beach", "feed_mountain", "fix_city", "fly_beach", "call_mountain"
    }
    assert len(study.actions) == 6 * 4 + 3 and Phrase("drink", ("beach",)) in study.phrases
    visuals = study.visuals(fold)
    for name, label in zip(study.tokens.ids.tolist(), study.tokens.labels, strict=True):
        verb, place = study.actions[label].split("_")
        assert shown_setting(name, 0) == place and study.phrases[label] == Phrase(verb, (place,))
    names = study.tokens.ids[visuals.train].tolist()
    for name in names:
        places = {PLACES.get(action) for action in shown_actions(name, 0)}
        assert shown_setting(name, 0) not in places, "nobody does it there"
    held = np.isin(visuals.labels, [study.actions.index(h) for h in fold])
    assert (visuals.test & held).sum() == held.sum() > 60, "all of their images are searched in"
    assert not (visuals.train & visuals.test).any() and set(names) < set(drawn.ids[drawn.train].tolist())
    assert not [name for name in study.tokens.ids if name.startswith(("riding", "walking_a_dog"))]


def test_loading(make_tokens: Maker, drawn: FrozenTokens, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_tokens().save(tmp_path / "t.npz")
    monkeypatch.setattr(studies, "HELD_OUT", {"stanford40": ("riding_a_bike",), "playground": ("riding_a_horse",)})
    (real,) = studies.load_studies("stanford40", None, Path("none"), tmp_path / "t.npz")
    assert real.dataset == "stanford40" and real.folds == (("riding_a_bike",),)
    monkeypatch.setattr(studies, "playground_tokens", lambda *given: drawn)
    objects, places = studies.load_studies("playground", None, Path("w"), Path("none"))
    assert objects.folds == (("riding_a_horse",),) and places.name == "places"


def test_what_may_be_held_out(make_tokens: Maker) -> None:
    study = object_study("stanford40", make_tokens())
    for fold, message in (
        (("cutting_trees",), "held='cutting_trees': .* cut, tree does not"),
        (("flying",), "held=.'flying'.: expected some of"),
        (("riding_a_bike", "riding_a_horse"), "held='riding_a_bike': .* ride does not"),
    ):
        with pytest.raises(ConfigError, match=message):
            check_fold(fold, study.actions, study.phrases)
        with pytest.raises(ConfigError, match=message):
            replace(study, folds=(fold,))
    with pytest.raises(ConfigError, match="a noun does not"):
        check_fold(("running",), ("running", "jogging"), (Phrase("run"), Phrase("run")))
    assert isinstance(replace(study, folds=()), Study)
