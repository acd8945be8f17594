import re
from dataclasses import replace
from pathlib import Path

import pytest

from actret_core.errors import ConfigError
from actret_core.experiments.presets import find_preset
from actret_core.experiments.run import Place, Run, claimed, resolve_run
from actret_core.files import lock


def test_a_name_becomes_its_preset_and_a_seed() -> None:
    run = resolve_run("delg", "cpu", seed=3)
    preset = find_preset("delg", "cpu")
    assert run == Run(replace(preset, train=replace(preset.train, seed=3)))
    assert (run.method, run.stem, run.view, run.to_record) == ("delg", "delg-cpu-seed3", "image", [run])


def test_fields_change_and_the_variant_names_them() -> None:
    run = resolve_run("region_net", "demo", 1, "wide", {"ffn": 8}, {"epochs": 2})
    assert (run.preset.model.ffn, run.preset.train.epochs, run.preset.train.seed) == (8, 2, 1)
    assert run.stem == "region_net-wide-demo-seed1"


@pytest.mark.parametrize(
    ("preset", "variant", "stem"),
    [
        ("reduced", "", "region_net-reduced-cpu-seed0"),
        ("plus_reduced", "gem", "region_net-reduced-gem-plus-seed0"),
        ("frozen", "", "region_net-frozen-cpu-seed0"),
        ("plus_frozen", "supcon", "region_net-frozen-supcon-plus-seed0"),
    ],
)
def test_the_file_name_says_what_is_frozen(preset: str, variant: str, stem: str) -> None:
    assert resolve_run("region_net", preset, variant=variant).stem == stem


def test_on_maps_a_crop_is_the_maps_and_not_the_model_s() -> None:
    """The model must not crop a second time."""
    on_maps, on_pictures = (
        resolve_run("strong_reid", name, variant="person", model={"crop": True}) for name in ("reduced", "cpu")
    )
    assert (on_maps.view, on_maps.preset.model.crop) == ("person", False)
    assert (on_pictures.view, on_pictures.preset.model.crop) == ("image", True)
    assert on_maps.stem == "strong_reid-reduced-person-cpu-seed0"


def test_flip_too_records_the_mirror_first() -> None:
    run = resolve_run("region_net", "reduced", flip_too=True)
    mirrored, itself = run.to_record
    assert itself is run and mirrored.stem == "region_net-reduced-flip-plus-seed0"
    assert mirrored.preset.model == replace(run.preset.model, flip_test=True)
    assert mirrored.preset.train == run.preset.train and mirrored.to_record == [mirrored]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"method": "delf"}, "method='delf': expected one of region_net"),
        ({"preset": "fast"}, "preset='fast': expected one of demo, cpu, full"),
        ({"model": {"blocks": 2}}, "variant='': expected a name for what differs"),
        ({"variant": "x", "model": {"blcks": 2}}, "no field 'blcks'; did you mean 'blocks'?"),
        ({"variant": "x", "train": {"epoch": 2}}, "no field 'epoch'; did you mean 'epochs'?"),
        ({"variant": "x", "model": {"blocks": 0}}, "blocks=0: expected at least 1"),
        ({"variant": "x", "model": {"crop": True}}, "no field 'crop'"),
    ],
)
def test_a_mistake_names_the_field(given: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        resolve_run(**given)


def test_places_of_a_run() -> None:
    place, run = Place("stanford40", results=Path("r"), runs=Path("w")), resolve_run("token", "cpu")
    assert place.record(run) == Path("r/stanford40/token-cpu-seed0.json")
    assert place.folder(run) == Path("w/stanford40/token-cpu-seed0")
    with pytest.raises(ConfigError, match="dim=0: expected at least 1"):
        Place("stanford40", dim=0)


def test_a_run_is_claimed_by_one_process(tmp_path: Path) -> None:
    place, run = Place("playground", runs=tmp_path), resolve_run("region_net", "demo")
    with lock(place.folder(run).with_name(f"{run.stem}.lock")), claimed(run, place) as mine:
        assert not mine
    with claimed(run, place) as mine:
        assert mine
