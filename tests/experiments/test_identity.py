"""What a training depends on: any other of it is refused in the folder of a training that was begun."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from actret_core.data.sample import ActionSample, ActionSplit
from actret_core.errors import CheckpointError
from actret_core.experiments.action_data import ActionData
from actret_core.experiments.identity import identity, keep_identity
from actret_core.experiments.perform import prepare
from actret_core.experiments.presets import Preset, find_preset
from actret_core.experiments.run import Place, Run

PLACE, RUN = Place("stanford40"), Run(find_preset("region_net", "demo"))


@pytest.fixture
def data(tmp_path: Path) -> ActionData:
    """Two photographs for training and two for testing, of two actions, with a region each."""

    def split(name: str) -> ActionSplit:
        samples = []
        for number in range(2):
            path = tmp_path / f"{name}{number}.jpg"
            path.write_bytes(b"jpeg")
            samples.append(ActionSample(path.stem, path, (9, 9), (0.0, 0.0, 5.0, 5.0), (number,)))
        return ActionSplit("stanford40", name, ("jumping", "running"), tuple(samples))

    splits = split("train"), split("test")
    return ActionData(*splits, {name: torch.ones(1, 4) for part in splits for name in part.ids})


def with_sample(data: ActionData, **changes: object) -> ActionData:
    first, *others = data.train.samples
    return replace(data, train=replace(data.train, samples=(replace(first, **changes), *others)))


def differences(data: ActionData, other: ActionData) -> set[str]:
    one, two = identity(data, RUN, PLACE), identity(other, RUN, PLACE)
    return {name for name in one if one[name] != two[name]}


def test_it_is_plain_json_and_the_same_each_time(data: ActionData) -> None:
    found = identity(data, RUN, PLACE)
    assert json.loads(json.dumps(found)) == found == identity(data, RUN, PLACE)
    names = {"config", "view", "weights", "data", "photographs", "annotations", "proposals"}
    assert set(found) == names and found["weights"] is None


def test_the_order_of_a_list_does_not_matter(data: ActionData) -> None:
    mixed = replace(data, train=replace(data.train, samples=data.train.samples[::-1]))
    assert not differences(data, replace(mixed, context=dict(reversed(data.context.items()))))


def test_each_part_is_told_apart(data: ActionData, tmp_path: Path) -> None:
    fewer = replace(data, train=replace(data.train, samples=data.train.samples[1:]))
    assert differences(data, fewer) == {"data", "photographs", "annotations"}
    assert differences(data, with_sample(data, labels=(1,))) == {"annotations"}
    assert differences(data, with_sample(data, person=(0.0, 0.0, 5.0, 6.0))) == {"annotations"}
    moved = data.context | {"test1": torch.tensor([[1.0, 1.0, 1.0, 1.5]])}
    assert differences(data, replace(data, context=moved)) == {"proposals"}
    none = data.context | {"test1": torch.empty(0, 4)}
    assert differences(data, replace(data, context=none)) == {"proposals"}
    before = identity(data, RUN, PLACE)
    (tmp_path / "test1.jpg").write_bytes(b"another")
    assert identity(data, RUN, PLACE)["photographs"] != before["photographs"]


def test_weights_are_known_by_their_content_or_by_torchvision_s_name(data: ActionData, tmp_path: Path) -> None:
    found = []
    for value in (0.0, 1.0, 1.0):
        save_file({"x": torch.full((1,), value)}, tmp_path / "w.safetensors")
        found.append(identity(data, RUN, replace(PLACE, weights=str(tmp_path / "w.safetensors")))["weights"])
    assert found[0] != found[1] == found[2]
    name = "ResNet50_Weights.IMAGENET1K_V2"
    assert identity(data, RUN, replace(PLACE, weights=name))["weights"] == name


def test_another_identity_is_refused_and_named(data: ActionData, tmp_path: Path) -> None:
    folder, found = tmp_path / "run", identity(data, RUN, PLACE)
    keep_identity(folder, found)
    (folder / "pairs").mkdir()
    (folder / "pairs" / "last.ckpt").touch()
    keep_identity(folder, found)
    other = identity(with_sample(data, id="new"), RUN, replace(PLACE, weights="another"))
    with pytest.raises(CheckpointError, match="json: .* other weights, data, annotations; delete .*run to train"):
        keep_identity(folder, other)
    assert json.loads((folder / "identity.json").read_text()) == found


def test_where_nothing_can_be_resumed_another_identity_takes_the_place(data: ActionData, tmp_path: Path) -> None:
    for weights in ("one", "other"):
        found = identity(data, RUN, replace(PLACE, weights=weights))
        keep_identity(tmp_path, found)
        assert json.loads((tmp_path / "identity.json").read_text()) == found


@pytest.mark.parametrize("older", [None, "{}", '{"view": "image"}'])
def test_a_folder_of_an_older_version_is_completed(older: str | None, data: ActionData, tmp_path: Path) -> None:
    found = identity(data, RUN, PLACE)
    (tmp_path / "last.ckpt").touch()
    if older:
        (tmp_path / "identity.json").write_text(older)
    keep_identity(tmp_path, found)
    assert json.loads((tmp_path / "identity.json").read_text()) == found


@pytest.mark.parametrize("cut", ["", '{"config": ', "[]"])
def test_one_that_is_cut_short_is_replaced_with_a_word(cut: str, data: ActionData, tmp_path: Path) -> None:
    (tmp_path / "identity.json").write_text(cut)
    with pytest.warns(UserWarning, match="identity.json: cut short, written again; delete"):
        keep_identity(tmp_path, identity(data, RUN, PLACE))
    assert json.loads((tmp_path / "identity.json").read_text())["view"] == "image"


def test_changed_data_does_not_continue_an_old_training(
    place: Place, tiny: Callable[[str], Preset], tmp_path: Path, playground: Path
) -> None:
    """The same command with half of the test photographs: the old model would be scored as if it were theirs."""
    run = Run(tiny("whole_image"))
    prepare(run, place)
    (place.folder(run) / "last.ckpt").touch()
    prepare(run, place)
    other = tmp_path / "other"
    (other / "ImageSplits").mkdir(parents=True)
    for path in playground.iterdir():
        if path.name != "ImageSplits":
            (other / path.name).symlink_to(path)
    for path in (playground / "ImageSplits").iterdir():
        lines = path.read_text().splitlines(keepends=True)
        (other / "ImageSplits" / path.name).write_text("".join(lines[:2] if "train" in path.name else lines))
    with pytest.raises(CheckpointError, match="whole_image-demo-seed0/identity.json: .* has other data, "):
        prepare(run, replace(place, data=other))
