from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from actret_core.cli import main as cli
from actret_core.errors import ConfigError, DataError
from actret_core.experiments.record import read_record
from actret_core.text.crossmodal import score_both_ways
from actret_core.text.videos import captioned, record
from actret_core.text.videos.captioned import CaptionedVideos, read_epic, read_pair


@pytest.fixture
def quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """The command at a rate at which few epochs suffice, in a folder of its own."""
    train = replace(record.PRESET.train, batch_size=15, lr=3e-3)
    monkeypatch.setattr(record, "PRESET", replace(record.PRESET, train=train))
    monkeypatch.chdir(tmp_path)

    def run(*options: object) -> Path:
        cli.main(["text", "videos", "--epochs", "8", "--results", "results", *map(str, options)])
        return tmp_path

    return run


def _by_chance(relevant: np.ndarray) -> float:
    rng = np.random.default_rng(0)
    tries = [score_both_ways(rng.normal(size=relevant.shape), relevant) for _ in range(20)]
    return float(np.mean([found["mean"]["mAP"] for found in tries]))


def _check(folder: Path, stem: str, dataset: str, videos: CaptionedVideos) -> dict:
    """The recorded metrics are those of the embeddings that were kept, and far from chance."""
    metrics = dict(read_record(folder / "results" / dataset / f"{stem}.json").metrics)
    with np.load(folder / "runs" / dataset / stem / "embeddings.npz") as kept:
        expected = score_both_ways(kept["texts"] @ kept["visuals"].T, videos.relevant, videos.ranks)
    assert metrics == expected | expected["mean"]
    assert metrics["mAP"] > _by_chance(videos.relevant) + 25
    return metrics


def test_epic_kitchens_is_recorded_once(
    quick: Callable[..., Path], epic_folder: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = ("--data", epic_folder, "--train", epic_folder / "train.pkl", "--test", epic_folder / "test.npz")
    folder = quick("--dataset", "epic_kitchens", *files, "--seed", 1, "--trust-pickle")
    videos = read_epic(epic_folder, epic_folder / "train.pkl", epic_folder / "test.npz", True)
    metrics = _check(folder, "jpose-full-seed1", "epic_kitchens", videos)
    assert set(metrics) == {"mAP", "nDCG", "text_to_visual", "visual_to_text", "mean"}
    found = read_record(folder / "results/epic_kitchens/jpose-full-seed1.json")
    assert (found.seed, found.epochs, found.config["train"]["lr"]) == (1, 8, 3e-3)
    assert found.config["text"] == {"method": "jpose", "join": "learned", "triplets": 100}
    counts = {"train_captions": 30, "train_videos": 30, "queries": len(videos.queries), "gallery": 20}
    assert found.dataset_fingerprint.items() >= counts.items()
    monkeypatch.setattr(captioned, "read_epic", lambda *_: pytest.fail("nothing is left to do"))
    quick("--dataset", "epic_kitchens", *files, "--seed", 1, "--trust-pickle")
    assert "jpose, seed 1: recorded already" in capsys.readouterr().out


def test_msrvtt_with_pretrained_words(quick: Callable[..., Path], captioned_folder: Path, tmp_path: Path) -> None:
    train, test, vectors = captioned_folder / "train.npz", captioned_folder / "test.npz", tmp_path / "words.vec"
    rng = np.random.default_rng(0)
    words = ("ride", "wash", "cut", "bike", "horse", "car", "tree")
    vectors.write_text("".join(f"{word} {' '.join(map(str, rng.normal(size=12)))}\n" for word in words))
    options = ("--dataset", "msrvtt", "--train", train, "--test", test, "--vectors", vectors)
    folder = quick(*options, "--variant", "mmen-caption")
    metrics = _check(folder, "mmen-caption-full-seed0", "msrvtt", read_pair(train, test))
    ranks = [metrics["text_to_visual"][f"rank{k}"] for k in (1, 5, 10)]
    assert ranks == sorted(ranks) and ranks[0] > 40 and ranks[2] == 100, "there are six videos"
    found = read_record(folder / "results/msrvtt/mmen-caption-full-seed0.json")
    assert (found.method, found.variant, found.config["vectors"]) == ("mmen", "caption", "words.vec")
    assert found.config["text"]["word_dim"] == 12 and found.config["text"]["learn_words"] is False


def test_wrong_calls(quick: Callable[..., Path], epic_folder: Path, captioned_folder: Path) -> None:
    train, test = captioned_folder / "train.npz", captioned_folder / "test.npz"
    files = ("--train", epic_folder / "train.pkl", "--test", epic_folder / "test.npz")
    with pytest.raises(SystemExit, match="data=None: expected the folder of EPIC-Kitchens-100's retrieval CSV files"):
        quick("--dataset", "epic_kitchens", *files)
    with pytest.raises(SystemExit, match="train.pkl: a pickle can run any code"):
        quick("--dataset", "epic_kitchens", "--data", epic_folder, *files)
    with pytest.raises(SystemExit, match="none.npz: not a readable .npz"):
        quick("--dataset", "msrvtt", "--train", train, "--test", "none.npz")
    with pytest.raises(SystemExit, match="2"):
        quick("--dataset", "msrvtt", "--train", train, "--test", test, "--variant", "clip")
    with pytest.raises(SystemExit, match="epochs=0: expected at least 1"):
        quick("--dataset", "msrvtt", "--train", train, "--test", test, "--epochs", 0)
    assert not Path("results").exists()


def test_unknown_variant_and_vectors(captioned_folder: Path, tmp_path: Path) -> None:
    videos = read_pair(captioned_folder / "train.npz", captioned_folder / "test.npz")
    with pytest.raises(ConfigError, match="variant='clip': expected one of jpose, jpose-concat, mmen, mmen-caption"):
        record.record_videos("msrvtt", "clip", lambda: videos, record.PRESET, tmp_path, runs=tmp_path)
    with pytest.raises(DataError, match="none.vec: cannot be read as word vectors"):
        record.record_videos(
            "msrvtt", "mmen", lambda: videos, record.PRESET, tmp_path, tmp_path / "none.vec", runs=tmp_path
        )
