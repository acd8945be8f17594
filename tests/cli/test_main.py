"""The commands that prepare data and backbones, and what holds for all: errors, statuses, help."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from actret_core import __version__
from actret_core.cli import main as cli
from actret_core.data.playground import write_playground
from actret_core.data.tokens import FrozenTokens
from actret_core.experiments.presets import DEMO
from actret_core.models.region_net import RegionNet
from actret_core.models.weights import backbone_of, save_small_backbone

ROOT = Path(__file__).parents[2]
SUBCOMMANDS = (
    "download", "playground", "detect", "pretext", "tokens", "train", "sweep", "text", "evaluate", "protocol",
)
DEMO_RUN = ["train", "--preset", "demo", "--data", "PLAYGROUND"]
RUN = ROOT / "results" / "stanford40" / "region_net-cpu-seed0.json"
EMBEDDINGS = RUN.parent / "embeddings" / f"{RUN.stem}.npz"
STANFORD40 = ["--dataset", "stanford40"]


@pytest.fixture(autouse=True)
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of one's own to run in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def asked(*words: str) -> Result:
    """What typer makes of the words, at a width where no sentence is broken."""
    return CliRunner(env={"COLUMNS": "250", "TERMINAL_WIDTH": "250"}).invoke(cli.app, list(words))


def python(*words: str, **more: str) -> subprocess.CompletedProcess:
    """A process of its own."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)} | more
    return subprocess.run([sys.executable, *words], env=environment, capture_output=True, text=True)


def test_playground_prints_its_folder(at_home: Path, capsys: pytest.CaptureFixture) -> None:
    cli.main(["playground", "--to", "drawn", "--images", "36", "--seed", "2"])
    assert capsys.readouterr().out.strip() == "drawn"
    assert len(list((at_home / "drawn" / "JPEGImages").iterdir())) == 36
    write_playground(at_home / "same", seed=2, images=36, progress=False)
    files = [at_home / folder / "proposals.json.gz" for folder in ("drawn", "same")]
    assert files[0].read_bytes() == files[1].read_bytes(), "the seed arrives"


def test_tokens_writes_what_the_notebooks_read(at_home: Path, playground: Path) -> None:
    """The preset is the one of the recorded tokens: 30 regions, from which the file's backbone makes tokens."""
    save_small_backbone(Path("small.safetensors"), RegionNet(DEMO.model).backbone)
    where = ["--data", str(playground), "--weights", "small.safetensors"]
    cli.main(["tokens", *where, "--dim", "8", "--out", "tokens.npz"])
    frozen = FrozenTokens.load(at_home / "tokens.npz")
    assert frozen.values.shape[0] == 72 and frozen.values.shape[2] == 8 and 0 < frozen.train.sum() < 72


def test_pretext_trains_and_saves_the_backbone(at_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACTRET_CACHE", str(at_home / "cache"))
    words = ["--images", "36", "--epochs", "1", "--seed", "4", "--without", "phoning", "drinking"]
    cli.main(["pretext", *words, "--out", "small.safetensors"])
    assert backbone_of(at_home / "small.safetensors") == "small"
    run = at_home / "runs" / "playground" / cli._pretext_name(4, ["drinking", "phoning"])
    saved = json.loads((run / "config.json").read_text())["train"]
    assert (saved["epochs"], saved["seed"], saved["multi_label"]) == (1, 4, True)
    assert len(list(Path("cache").rglob("JPEGImages/*"))) == 36


def test_a_pretext_has_a_folder_of_its_own() -> None:
    names = [cli._pretext_name(seed, without) for seed in (1, 2) for without in ([], ["phoning"], ["drinking"])]
    assert len(set(names)) == 6 and names[0] == "pretext-seed1"
    assert names[1].startswith("pretext-without-") and names[1].endswith("-seed1")


def test_detect_writes_beside_the_data(playground: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The detector's weights are a download, so it is a stand-in."""
    calls, annotated = [], []
    monkeypatch.setattr("actret_core.regions.detector.load_detector", lambda: "a detector")
    monkeypatch.setattr("actret_core.regions.detector.detect",
                        lambda *given, sizes: annotated.append(sizes) or calls.append(given) or given[-1])
    cli.main(["detect", "--data", str(playground)])
    cli.main(["detect", "--data", str(playground), "--proposals", "mine.json"])
    assert [out for *_, out in calls] == [playground / "proposals.json.gz", Path("mine.json")]
    model, images, _ = calls[0]
    assert model == "a detector" and len(set(images)) == len(images) == 72 and images == sorted(images)
    assert set(annotated[0]) == set(images)


def test_download_names_the_data_set_and_the_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    fetched = []
    for name in ("stanford40", "voc2012"):
        fetch = f"actret_core.data.readers.download.fetch_{name}"
        monkeypatch.setattr(fetch, lambda to, name=name: fetched.append((name, to)))
        cli.main(["download", name, "--to", f"data/{name}"])
    assert fetched == [("stanford40", Path("data/stanford40")), ("voc2012", Path("data/voc2012"))]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "--dataset", "stanford40"], "stanford40: name its folder, or fetch it by `actret download"),
        (["train", "--dataset", "stanford40", "--data", "absent"], "absent"),
        ([*DEMO_RUN, "--features", "agx"], "features='agx'"),
        ([*DEMO_RUN, "--proposals", "none.json"], "none.json: no"),
        ([*DEMO_RUN, "--weights", "x.pth"], "no torchvision name"),
        ([*DEMO_RUN, "--weights", "x.safetensors"], "x.safetensors"),
        ([*DEMO_RUN, "--dim", "0"], "dim=0"),
        (["playground", "--to", "few", "--images", "5"], "images=5"),
        (["playground", "--to", "file/few", "--images", "36"], "file: File exists"),
        (["detect", "--dataset", "voc2012"], "voc2012: name its folder"),
        (["sweep", "broken.yaml"], "broken.yaml: not a readable sweep"),
        (["evaluate", "none.npz", *STANFORD40], "none.npz: no .npz with features and ids"),
        (["evaluate", str(EMBEDDINGS), "--dataset", "voc2012"], "ids are not in voc2012: 5532, first"),
        (["evaluate", str(EMBEDDINGS), *STANFORD40, "--k1", "0"], "k1=0"),
        (["evaluate", str(EMBEDDINGS), *STANFORD40, "--lambda", "2"], "lambda=2.0"),
        (["evaluate", str(EMBEDDINGS), *STANFORD40, "--against", "none.json"], "none.json: cannot be read"),
        (["protocol", "--dataset", "voc2012", "--data", "absent"], "absent: no folder"),
    ],
)  # fmt: skip
def test_an_error_is_one_line_and_status_1(arguments: list[str], message: str, playground: Path) -> None:
    Path("file").touch()
    Path("broken.yaml").write_text("runs: [\n  - {")  # a message of several lines
    with pytest.raises(SystemExit) as error:
        cli.main([str(playground) if a == "PLAYGROUND" else a for a in arguments])
    text = error.value.code  # printed to stderr, with status 1
    assert isinstance(text, str) and text.startswith("actret: ") and message in text and "\n" not in text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "Missing command"),
        (["fly"], "No such command 'fly'"),
        (["trian"], "Did you mean 'train'?"),
        (["text", "studdy"], "Did you mean 'study'?"),
        (["--verison"], "--verison; did you mean --version?"),
        (["train", "--sed", "1"], "--sed; did you mean --seed?"),
        (["text", "videos", "--tain", "x"], "--tain; did you mean --train?"),
        (["train", "--preset", "redcued"], "did you mean 'reduced'?"),
        (["train", "--method", "region-net"], "did you mean 'region_net'?"),
        (["detect", "--dataset", "standford40"], "did you mean 'stanford40'?"),
        (["sweep", "x.yaml", "--preset", "none"], "'none' is none of demo, cpu, full"),
        (["train", "--seed", "one"], "Invalid value for '--seed'"),
        (["sweep"], "Missing argument"),
        (["tokens", "--out", "x.npz"], "Missing option '--weights'"),
        (["evaluate", "x.npz"], "Missing option '--dataset'"),
        (["train", "stray"], "unexpected extra argument"),
    ],
)  # fmt: skip
def test_wrong_usage_is_status_2_and_names_the_nearest(words: list[str], message: str) -> None:
    found = asked(*words)
    assert found.exit_code == 2 and message in found.stderr and "Usage:" in found.stderr and found.stdout == ""
    with pytest.raises(SystemExit, match="2"):
        cli.main(words)


def test_the_help_names_each_command_and_its_defaults() -> None:
    assert all(name in asked("--help").stdout for name in SUBCOMMANDS)
    train = asked("train", "--help").stdout
    assert "What" in train and "Where" in train and "How" in train and "Example: actret train" in train
    assert "[default: region_net]" in train and "strong_reid" in train and "[default: runs/maps]" in train
    assert asked("--version").stdout == f"actret {__version__}\n"


@pytest.mark.parametrize(("typed", "offered"), [
    ("actret tra", {"train"}), ("actret train --see", {"--seed"}),
    ("actret train --preset plus_", {"plus_reduced", "plus_frozen"}),
])
def test_the_tab_key_completes(typed: str, offered: set[str]) -> None:
    request = {"_ACTRET_COMPLETE": "complete_bash", "COMP_WORDS": typed, "COMP_CWORD": str(len(typed.split()) - 1)}
    assert set(python("-m", "actret_core", **request).stdout.split()) == offered


def test_help_imports_nothing_heavy() -> None:
    code = "import sys; from actret_core.cli.main import main; main(sys.argv[1:]); print({'torch'} & {*sys.modules})"
    for words in (["--help"], ["train", "--help"]):
        assert python("-c", code, *words).stdout.endswith("set()\n")


def test_the_package_runs_as_a_module() -> None:
    done = python("-m", "actret_core", "playground", "--to", "few", "--images", "5")
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith("actret: images=5") and done.stderr.count("\n") == 1
