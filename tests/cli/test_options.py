"""The words of the command line are those of the package's tables, which it does not import."""

import inspect
from typing import Any

import pytest

from actret_core.cli import benchmark, main, options, runs, text
from actret_core.data.readers.registry import DATASETS
from actret_core.experiments.benchmark import Reranking
from actret_core.experiments.presets import PRETEXT, PRETEXT_IMAGES, presets_of
from actret_core.experiments.run import Place
from actret_core.experiments.sweep import shipped
from actret_core.models.methods import METHODS
from actret_core.retrieval.protocol import VERSIONS
from actret_core.text.compositions.presets import TEXT_PRESETS
from actret_core.text.train import VARIANTS
from actret_core.text.videos.record import PRESET


@pytest.mark.parametrize(("words", "table"), [
    (options.DATASETS, DATASETS), (options.PHOTOGRAPHS, VERSIONS), (options.METHODS, METHODS),
    (options.PRESETS, presets_of("region_net")), (text.STUDIED, TEXT_PRESETS), (text.VARIANTS, VARIANTS),
    (benchmark.VARIANTS, ("concatenated", "single")),
])
def test_names_are_those_of_the_table(words: tuple[str, ...], table: Any) -> None:
    assert words == tuple(table), "add the name to the command line, too"


def test_region_net_has_all_presets() -> None:
    assert all(set(presets_of(method)) <= set(options.PRESETS) for method in METHODS)


def defaults(command: Any) -> dict[str, Any]:
    return {name: p.default for name, p in inspect.signature(command).parameters.items()}


@pytest.mark.parametrize("command", [runs.train, runs.sweep])
def test_folders_default_to_the_package_s(command: Any) -> None:
    found, place = defaults(command), Place("playground")
    assert {name: found[name] for name in ("results", "runs", "maps", "dim")} == {
        "results": place.results, "runs": place.runs, "maps": place.maps, "dim": place.dim,
    }


def test_settings_default_to_the_package_s() -> None:
    found, usual = defaults(benchmark.evaluate), Reranking()
    assert Reranking(found["k1"], found["k2"], found["lambda_"], found["variant"]) == usual
    assert defaults(main.pretext)["images"] == PRETEXT_IMAGES and defaults(main.pretext)["epochs"] == PRETEXT.epochs
    assert defaults(text.videos)["epochs"] == PRESET.train.epochs


def test_the_help_names_the_sweeps_of_the_package() -> None:
    file = inspect.signature(runs.sweep).parameters["file"].annotation.__metadata__[0]
    assert file.help.endswith(f": {', '.join(shipped())}.")
