"""Runs on frozen tokens: a sweep of them on the playground, against its own parts."""

from pathlib import Path

import pytest

from actret_core.cli import main as cli
from actret_core.experiments import presets as rival_presets, run as token_runs
from actret_core.experiments.action_data import load_data
from actret_core.data.tokens import FrozenTokens
from actret_core.errors import ConfigError
from actret_core.models.config import RegionNetConfig
from actret_core.models.region_net import RegionNet
from actret_core.models.weights import save_small_backbone
from actret_core.experiments.presets import FROZEN
from actret_core.experiments.record import read_record
from actret_core.experiments.presets import find_preset

SWEEP = """
preset: plus_frozen
runs:
  - {preset: frozen, seeds: [3], flip_too: true}
  - {variant: flip, seeds: [3], model: {flip_test: true}}
  - {variant: gem, seeds: [3], model: {pooling: gem}}
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the sweep, a small backbone that knows nothing, and a preset of the playground's size."""
    monkeypatch.chdir(tmp_path)
    Path("frozen.yaml").write_text(SWEEP)
    small = RegionNetConfig(backbone="small", blocks=1, heads=2, ffn=16, hidden=8)
    save_small_backbone(Path("w.safetensors"), RegionNet(small).backbone)
    model = rival_presets.replace(small, backbone="small", image_size=32, k=3, min_score=0.2)
    quick = rival_presets.replace(FROZEN, model=model, token_dim=8)
    monkeypatch.setattr(rival_presets, "FROZEN", quick)
    return tmp_path


def test_a_sweep_on_tokens(home: Path, playground: Path, capsys: pytest.CaptureFixture) -> None:
    options = ["frozen.yaml", "--data", str(playground), "--weights", "w.safetensors"]
    cli.main(["sweep", *options])
    said = capsys.readouterr().out
    names = ["frozen-cpu", "frozen-flip-plus", "frozen-gem-plus"]
    assert all(f"region_net-{name}-seed3: recorded" in said for name in names[:1] + names[2:])
    base, flip, gem = (read_record(f"results/playground/region_net-{name}-seed3.json") for name in names)
    assert (base.tier, base.variant, flip.tier, gem.variant) == ("cpu", "frozen", "plus", "frozen-gem")
    assert len({record.metrics["mAP"] for record in (base, flip, gem)}) == 3
    assert not list(Path("runs").rglob("*.ckpt")) and base.config["token_dim"] == 8
    files = sorted(path.name.rsplit("-", 1)[0] for path in Path("runs/tokens").glob("*.npz"))
    assert files == ["playground-k3-gem-8", "playground-k3-max-8"], "two poolings, and the mirror in both"


def test_the_mirror_alone_is_the_same_as_flip_too(home: Path, playground: Path) -> None:
    """`flip` as a training of its own, which the sweep above spares."""
    (run,) = [line for line in SWEEP.splitlines() if "variant: flip" in line]
    Path("one.yaml").write_text(f"preset: plus_frozen\nruns:\n{run}\n")
    Path("two.yaml").write_text(SWEEP.split("  - {variant: flip")[0])
    for name in ("one", "two"):
        cli.main(["sweep", f"{name}.yaml", "--data", str(playground), "--weights", "w.safetensors", "--results", name])
    one, two = (read_record(f"{name}/playground/region_net-frozen-flip-plus-seed3.json") for name in ("one", "two"))
    assert one.metrics == two.metrics and one.config == two.config


def test_the_tokens_are_those_of_both_sets_and_of_the_mirror(home: Path, playground: Path) -> None:
    cli.main(["sweep", "frozen.yaml", "--data", str(playground), "--weights", "w.safetensors"])
    tokens = FrozenTokens.load(next(Path("runs/tokens").glob("*max*.npz")))
    data = load_data("playground", playground, find_preset("region_net", "frozen").model)
    count = len(data.evaluation)
    ids = [*data.train.ids, *data.evaluation.ids, *(f"{name} mirrored" for name in data.evaluation.ids)]
    assert tokens.ids.tolist() == ids and tokens.train.tolist() == [True] * len(data.train) + [False] * 2 * count
    plain, mirrored = tokens.values[-2 * count : -count], tokens.values[-count:]
    assert (plain != mirrored).any((1, 2)).all() and ((plain == 0).all(2) == (mirrored == 0).all(2)).all()
    assert tokens.labels[-count:].tolist() == tokens.labels[-2 * count : -count].tolist()


def test_it_wants_weights(home: Path, playground: Path) -> None:
    with pytest.raises(SystemExit, match="the lines above say why"):
        cli.main(["sweep", "frozen.yaml", "--data", str(playground)])


def test_one_process_is_enough(
    home: Path, playground: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(token_runs, "world", lambda: 2)
    with pytest.raises(SystemExit, match="the lines above say why"):
        cli.main(["sweep", "frozen.yaml", "--data", str(playground), "--weights", "w.safetensors"])
    assert "nproc_per_node=2: expected 1 for runs on tokens" in capsys.readouterr().out


def test_other_methods_have_no_tokens() -> None:
    with pytest.raises(ConfigError, match="preset='frozen'"):
        find_preset("delg", "frozen")
