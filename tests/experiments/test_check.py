"""What would end a run after hours of training ends it before the first step."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from actret_core.data.sample import ActionSample, ActionSplit
from actret_core.errors import CheckpointError, ConfigError, DataError
from actret_core.experiments.action_data import ActionData
from actret_core.experiments.check import check
from actret_core.experiments.perform import perform, perform_alone
from actret_core.experiments.presets import find_preset
from actret_core.experiments.run import Place, resolve_run

RUN = resolve_run("whole_image", "demo")


def split(name: str, *persons: tuple[str, str, tuple[int, ...]]) -> ActionSplit:
    """Of (id, photograph, actions)."""
    samples = (ActionSample(i, Path(photo), (9, 9), (0.0, 0.0, 5.0, 5.0), labels) for i, photo, labels in persons)
    return ActionSplit("stanford40", name, ("jumping", "running"), tuple(samples))


TRAIN = split("train", ("a", "a.jpg", (0,)), ("b", "b.jpg", (1,)))
TEST = split("test", ("c", "c.jpg", (0,)), ("d", "d.jpg", (0,)), ("e", "e.jpg", (1,)))


@pytest.fixture
def there(tmp_path: Path) -> Place:
    return Place("stanford40", results=tmp_path / "results", runs=tmp_path / "runs", maps=tmp_path / "maps")


def test_sound_data_pass_and_nothing_is_written(there: Place, tmp_path: Path) -> None:
    check(ActionData(TRAIN, TEST, {}), RUN, there)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("train", "test", "message"), [
    (TRAIN, split("test", ("c", "c.jpg", (0,)), ("c", "c.jpg", (0,))), "1 ids stand more than once .* such as c;"),
    (split("train", ("a", "a.jpg", (0,)), ("a", "a.png", (0,))), TEST, "1 ids stand more than once .* such as a;"),
    (split("train", ("c", "c.jpg", (0,)), ("d", "d.jpg", (0,))), TEST, "2 ids stand more than once .* such as c, d;"),
    (TRAIN, split("test", ("c", "c.jpg", (0,)), ("d", "d.jpg", (1,))), "test: no action has two photographs"),
    (TRAIN, split("test", ("c#1", "c.jpg", (0,)), ("c#2", "c.jpg", (0,)), ("d", "d.jpg", ())), "two photographs"),
])
def test_splits_that_cannot_be_scored(train: ActionSplit, test: ActionSplit, message: str, there: Place) -> None:
    with pytest.raises(DataError, match=message):
        check(ActionData(train, test, {}), RUN, there)


def test_an_empty_split_is_named(there: Place) -> None:
    with pytest.raises(ConfigError, match=r"test=\[\]: expected at least one sample in this split of stanford40"):
        check(ActionData(TRAIN, split("test"), {}), RUN, there)


def test_the_second_stage_needs_enough_other_images(there: Place) -> None:
    run = resolve_run("rrt", "demo")
    with pytest.raises(ConfigError, match=f"top={run.preset.model.top}: expected 1 to 1, the number of others"):
        check(ActionData(TRAIN, TEST, {}), run, there)


@pytest.mark.parametrize("name", ["results", "runs"])
def test_a_folder_that_cannot_be_written_is_named(name: str, there: Place, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    wrong = replace(there, **{name: tmp_path / "file" / "below"})
    for refused in (lambda: check(ActionData(TRAIN, TEST, {}), RUN, wrong), lambda: perform_alone(RUN, wrong)):
        with pytest.raises(ConfigError, match=f"{name}=.*below'?: expected another folder; .*file cannot be written"):
            refused()


def test_weights_are_looked_at(there: Place, tmp_path: Path) -> None:
    (tmp_path / "w.safetensors").touch()
    with pytest.raises(CheckpointError, match="w.safetensors: not a readable safetensors file"):
        check(ActionData(TRAIN, TEST, {}), RUN, replace(there, weights=str(tmp_path / "w.safetensors")))
    with pytest.raises(ConfigError, match="weights=None: expected pretrained weights"):
        check(ActionData(TRAIN, TEST, {}), resolve_run("delg", "reduced"), there)


def test_dimensions_are_a_whole_number() -> None:
    for dim in (0, 2.5, "8"):
        with pytest.raises(ConfigError, match="dim=.*: expected at least 1, a whole number"):
            Place("stanford40", dim=dim)


def test_a_run_is_refused_before_its_photographs_are_decoded(
    place: Place, tiny: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("actret_core.experiments.perform.cache_photos", lambda *_: pytest.fail("decoded"))
    run = replace(RUN, preset=tiny("rrt"))
    run = replace(run, preset=replace(run.preset, model=replace(find_preset("rrt", "demo").model, top=10_000)))
    with pytest.raises(ConfigError, match="top=10000: expected 1 to "):
        perform(run, place)
