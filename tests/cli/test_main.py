import json
import runpy
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from actret_core.cli import main as cli
from actret_core.experiments import run as runs
from actret_core.data.tokens import FrozenTokens
from actret_core.models.checkpoint import load_model
from actret_core.models.config import RegionNetConfig
from actret_core.models.weights import backbone_of
from actret_core.experiments.presets import PRESETS, Preset
from actret_core.retrieval.protocol import read_protocol
from actret_core.training.config import TrainConfig

TINY = Preset(
    "demo",
    RegionNetConfig(classes=12, backbone="small", image_size=32, k=3, blocks=1, heads=2, ffn=16, hidden=8),
    TrainConfig(epochs=1, batch_size=20, held_out=0.0, mixup=0.0, precision="32-true", workers=0),
)
DEMO = ["train", "--preset", "demo", "--data", "PLAYGROUND"]


@pytest.fixture(autouse=True)
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of one's own to run in, and a preset that trains in a second."""
    monkeypatch.setitem(PRESETS, "demo", TINY)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_playground_prints_its_folder(at_home: Path, capsys: pytest.CaptureFixture) -> None:
    cli.main(["playground", "--to", "drawn", "--images", "36", "--seed", "2"])
    assert capsys.readouterr().out.strip() == "drawn"
    assert len(list((at_home / "drawn" / "JPEGImages").iterdir())) == 36


def test_train_records_a_run_and_keeps_the_model(
    at_home: Path, playground: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    """Training is real; what a record holds is tested where it is made."""
    recorded = []
    monkeypatch.setattr(
        runs, "record_run", lambda *given: recorded.append(given) or SimpleNamespace(metrics={"mAP": 1.0})
    )
    cli.main(["train", "--data", str(playground), "--preset", "demo", "--features", "ag", "--seed", "1", "--dim", "32"])
    printed = capsys.readouterr().out
    assert json.loads(printed[printed.index("{\n") :]) == {"mAP": 1.0}
    ((_, preset, trained, result, results, variant, dim),) = recorded
    assert (result.epochs, results, variant, dim) == (1, Path("results"), "ag", 32)
    assert preset.model == replace(TINY.model, features="ag") and preset.train == replace(TINY.train, seed=1)
    out = at_home / "runs" / "playground" / "region_net-ag-demo-seed1"
    kept = load_model(out / "model.safetensors")
    assert kept.config == preset.model
    assert all(torch.equal(kept.state_dict()[name], value) for name, value in trained.state_dict().items())
    assert (out / "config.json").exists() and (out / "last.ckpt").exists()


def test_embeddings_of_no_dimension_are_refused_before_any_work(playground: Path) -> None:
    with pytest.raises(SystemExit, match="dim"):
        cli.main(["train", "--data", str(playground), "--preset", "demo", "--dim", "0"])


def test_tokens_writes_what_the_notebooks_read(
    at_home: Path, playground: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = []
    monkeypatch.setattr(cli, "load_backbone", lambda backbone, weights: loaded.append(weights))
    monkeypatch.setitem(PRESETS, "cpu", TINY)
    monkeypatch.setattr(
        "actret_core.models.backbone.ResNetBackbone", lambda *_: cli.RegionNet(TINY.model).backbone
    )
    name = "ResNet50_Weights.IMAGENET1K_V1"
    cli.main(["tokens", "--data", str(playground), "--weights", name, "--dim", "8", "--out", "tokens.npz"])
    frozen = FrozenTokens.load(at_home / "tokens.npz")
    assert loaded == [name] and frozen.values.shape == (72, 5, 8) and 0 < frozen.train.sum() < 72


def test_pretext_saves_the_backbone(at_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(cli, "find_root", lambda name, seed, images: Path(f"{name}-{seed}-{images}"))
    monkeypatch.setattr(
        cli, "pretrain_small", lambda *given, without: asked.append((*given, without)) or cli.RegionNet(TINY.model)
    )
    cli.main(["pretext", "--seed", "4", "--out", "small.safetensors"])
    cli.main(["pretext", "--images", "36", "--epochs", "1", "--without", "phoning", "--out", "small.safetensors"])
    (root, seed, train, out, without), (smaller, _, short, other, left_out) = asked
    assert (root, seed, train.seed, train.multi_label) == (Path("playground-4-6000"), 4, 4, True)
    assert out == Path("runs/playground/pretext-seed4") and without == []
    assert (smaller, short.epochs, left_out) == (Path("playground-1-36"), 1, ["phoning"])
    assert other.name.startswith("pretext-without-") and other.name.endswith("-seed1"), "a run of its own"
    assert backbone_of(at_home / "small.safetensors") == "small"


def test_detect_writes_beside_the_data(
    at_home: Path, playground: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    monkeypatch.setattr(cli, "load_detector", lambda: "a detector")
    monkeypatch.setattr(cli, "detect", lambda model, images, out: calls.append((model, images, out)) or out)
    cli.main(["detect", "--data", str(playground)])
    cli.main(["detect", "--data", str(playground), "--proposals", "mine.json"])
    assert [out for *_, out in calls] == [playground / "proposals.json.gz", Path("mine.json")]
    model, images, _ = calls[0]
    assert model == "a detector" and len(set(images)) == len(images) == 72 and images == sorted(images)


def test_download_names_the_data_set_and_the_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(cli, "fetch_stanford40", lambda to: asked.append(("stanford40", to)))
    monkeypatch.setattr(cli, "fetch_voc2012", lambda to: asked.append(("voc2012", to)))
    for name in ("stanford40", "voc2012"):
        cli.main(["download", name, "--to", f"data/{name}"])
    assert asked == [("stanford40", Path("data/stanford40")), ("voc2012", Path("data/voc2012"))]


RUN = Path(__file__).parents[2] / "results" / "stanford40" / "region_net-cpu-seed0.json"
EMBEDDINGS = RUN.parent / "embeddings" / f"{RUN.stem}.npz"
STANFORD40 = ["--dataset", "stanford40"]


def test_evaluate_prints_a_row_and_the_paired_test(capsys: pytest.CaptureFixture) -> None:
    cli.main(["evaluate", str(EMBEDDINGS), *STANFORD40, "--no-rerank", "--name", "mine", "--against", str(RUN)])
    header, rule, row, blank, about, test = capsys.readouterr().out.splitlines()
    assert row.startswith("| mine | 66.2 [65.3, 67.0] | 79.4 | 90.4 | not run |") and header.startswith("| method |")
    assert set(rule) == {"|", "-"} and blank == "" and "protocol version 1: 5532 queries" in about
    assert test == "Against region_net-cpu-seed0: mAP +0.00 [+0.00, +0.00], p = 1.0000"


def test_evaluate_passes_the_settings_of_reranking_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    asked = []

    def score(entry: object, how: object) -> object:
        asked.append(how)
        return score_alone(entry, None)

    score_alone = cli.score
    monkeypatch.setattr(cli, "score", score)
    cli.main(["evaluate", str(EMBEDDINGS), *STANFORD40])
    more = ["--k1", "20", "--k2", "6", "--lambda", "0.1", "--variant", "single"]
    cli.main(["evaluate", str(EMBEDDINGS), *STANFORD40, *more])
    assert asked == [cli.Reranking(200, 20, 0.3, "concatenated"), cli.Reranking(20, 6, 0.1, "single")]
    assert f"| {EMBEDDINGS.stem} | 66.2" in capsys.readouterr().out


def test_protocol_says_whether_it_is_ours(at_home: Path, playground: Path, capsys: pytest.CaptureFixture) -> None:
    cli.main(["protocol", *STANFORD40, "--data", str(playground)])
    said = capsys.readouterr().out
    assert said.startswith("stanford40-v1.json.gz: ") and "NOT the same as" in said
    assert read_protocol(at_home / "stanford40-v1.json.gz").train_ids


def test_protocol_rebuilds_ours_from_the_real_data(
    real_data: Path, at_home: Path, capsys: pytest.CaptureFixture
) -> None:
    cli.main(["protocol", *STANFORD40, "--data", str(real_data / "stanford40"), "--out", "mine.json.gz"])
    assert capsys.readouterr().out.startswith("mine.json.gz: 5532 samples, the same as")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "--dataset", "stanford40"], "stanford40: name its folder"),
        (["train", "--dataset", "stanford40", "--data", "absent"], "absent"),
        ([*DEMO, "--features", "agx"], "features='agx'"),
        ([*DEMO, "--proposals", "none.json"], "none.json: no"),
        ([*DEMO, "--weights", "x.pth"], "no torchvision name"),
        ([*DEMO, "--weights", "x.safetensors"], "x.safetensors"),
        (["playground", "--to", "few", "--images", "5"], "images=5"),
        (["detect", "--dataset", "voc2012"], "voc2012: name its folder"),
        (["evaluate", "none.npz", *STANFORD40], "none.npz: no .npz with features and ids"),
        (["evaluate", str(EMBEDDINGS), "--dataset", "voc2012"], "ids are not in voc2012: 5532, first"),
        (["evaluate", str(EMBEDDINGS), *STANFORD40, "--k1", "0"], "k1=0"),
        (["evaluate", str(EMBEDDINGS), *STANFORD40, "--lambda", "2"], "lambda=2.0"),
        (["evaluate", str(EMBEDDINGS), *STANFORD40, "--against", "none.json"], "none.json: cannot be read"),
        (["protocol", "--dataset", "voc2012", "--data", "absent"], "absent: no folder"),
    ],
)  # fmt: skip
def test_an_error_is_one_line_and_status_1(arguments: list[str], message: str, playground: Path) -> None:
    with pytest.raises(SystemExit) as error:
        cli.main([str(playground) if a == "PLAYGROUND" else a for a in arguments])
    text = error.value.code  # printed to stderr, with status 1
    assert isinstance(text, str) and text.startswith("actret_core: ") and message in text and "\n" not in text


@pytest.mark.parametrize(
    "arguments",
    [[], ["sweep"], ["fly"], ["train", "--preset", "none"], ["tokens", "--out", "x.npz"], ["evaluate", "x.npz"]],
)
def test_wrong_usage_is_status_2(arguments: list[str], capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as error:
        cli.main(arguments)
    assert error.value.code == 2 and "usage: python -m actret_core" in capsys.readouterr().err


def test_the_package_runs_as_a_module(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["actret_core", "train", "--dataset", "stanford40"])
    with pytest.raises(SystemExit, match="actret_core: stanford40: name its folder"):
        runpy.run_module("actret_core", run_name="__main__")
