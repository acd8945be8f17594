"""The commands of retrieval by a phrase: `text study`, `text videos` and `text agreement`."""

import argparse
import hashlib
import json
import time
from dataclasses import replace
from pathlib import Path

from actret_core.text.compositions.presets import TEXT_PRESETS
from actret_core.text.compositions.record import record_study
from actret_core.text.compositions.folds import load_studies
from actret_core.config import require
from actret_core.experiments.record import RunRecord, provenance
from actret_core.text import epic_kitchens as epic
from actret_core.text.agreement import agreement
from actret_core.text.parsing import parse
from actret_core.text.tagging import load_tagger, tag
from actret_core.text.train import VARIANTS
from actret_core.text.videos.captioned import CaptionedVideos, read_epic, read_pair
from actret_core.text.videos.record import PRESET, record_videos

BACKBONE = Path("results/playground/small_backbone-compositions.safetensors")
TOKENS = Path("results/stanford40/frozen_tokens.npz")


def add_text_commands(commands: argparse._SubParsersAction) -> None:
    """`text` and its own commands."""
    text = commands.add_parser("text", help="retrieval by a phrase: JPoSE, MMEN, and how captions are read")
    own = text.add_subparsers(required=True, metavar="COMMAND")
    study = own.add_parser("study", help="find actions that were never seen as a combination; record each run once")
    study.add_argument("--dataset", choices=TEXT_PRESETS, default="playground")
    study.add_argument("--data", type=Path, help="the playground's folder; default: it is drawn")
    study.add_argument("--weights", type=Path, default=BACKBONE, help="playground: a backbone that saw none of it")
    study.add_argument("--tokens", type=Path, default=TOKENS, help="stanford40: region tokens of a frozen backbone")
    study.add_argument("--seeds", type=int, nargs="+", default=[0])
    study.add_argument("--results", type=Path, default=Path("results"))
    study.set_defaults(run=run_study)
    _videos_command(own)
    agree = own.add_parser("agreement", help="compare a parser with EPIC-Kitchens-100's verb and noun columns")
    agree.add_argument("--data", type=Path, required=True, help="the folder of its retrieval CSV files")
    agree.add_argument("--spacy", metavar="MODEL", help="use this spaCy model instead of the rule")
    agree.add_argument("--results", type=Path, default=Path("results"))
    agree.set_defaults(run=run_agreement)


def _videos_command(own: argparse._SubParsersAction) -> None:
    videos = own.add_parser("videos", help="train on captioned videos, search both ways, record the run once")
    videos.add_argument("--dataset", choices=["epic_kitchens", "msrvtt"], required=True)
    videos.add_argument("--data", type=Path, help="epic_kitchens: the folder of its retrieval CSV files")
    videos.add_argument("--train", type=Path, required=True, help="features; for msrvtt an .npz with captions in it")
    videos.add_argument("--test", type=Path, required=True, help="the same of the test set")
    videos.add_argument("--variant", choices=VARIANTS, default="jpose")
    videos.add_argument("--vectors", type=Path, help="pretrained word vectors in text form; default: words are learned")
    videos.add_argument("--epochs", type=int, default=PRESET.train.epochs)
    videos.add_argument("--seed", type=int, default=0)
    videos.add_argument("--trust-pickle", action="store_true", help="read the official features as they come, a pickle")
    videos.add_argument("--results", type=Path, default=Path("results"))
    videos.set_defaults(run=run_videos)


def run_study(options: argparse.Namespace) -> None:
    """All variants of every study and seed that are not recorded yet."""
    require(min(options.seeds) >= 0, "seeds", options.seeds, "whole numbers, 0 or more")
    for study in load_studies(options.dataset, options.data, options.weights, options.tokens):
        for seed in options.seeds:
            record_study(study, TEXT_PRESETS[options.dataset], seed, options.results)


def run_videos(options: argparse.Namespace) -> None:
    """Train one variant and record it; the checkpoints stay in `runs/`, from where an interrupted run goes on."""
    epic_kitchens = options.dataset == "epic_kitchens"
    needed = options.data is not None or not epic_kitchens
    require(needed, "data", None, "the folder of EPIC-Kitchens-100's retrieval CSV files (--data)")

    def read() -> CaptionedVideos:
        if epic_kitchens:
            return read_epic(options.data, options.train, options.test, options.trust_pickle)
        return read_pair(options.train, options.test)

    preset = replace(PRESET, train=replace(PRESET.train, epochs=options.epochs, seed=options.seed))
    record = record_videos(options.dataset, options.variant, read, preset, options.results, options.vectors)
    recorded = f"{options.variant}, seed {options.seed}: recorded already"
    print(json.dumps(record.metrics, indent=2) if record else recorded)


def run_agreement(options: argparse.Namespace) -> None:
    """Read all narrations, compare, record."""
    tagger = load_tagger(options.spacy) if options.spacy else None
    verbs, nouns = (epic.read_classes(options.data / name) for name in (epic.VERBS, epic.NOUNS))
    files, start = {"train": epic.TRAIN_SENTENCES, "test": epic.TEST_CLIPS}, time.perf_counter()
    metrics, digest = {}, hashlib.sha256()
    for split, name in files.items():
        narrations = epic.read_narrations(options.data / name, verbs, nouns)
        found = agreement(narrations, verbs, nouns, (lambda text: tag(text, tagger)) if tagger else parse)
        metrics[split] = found | {"narrations": len(narrations)}
        digest.update((options.data / name).read_bytes())
        print(split, metrics[split])
    record = RunRecord(
        "epic_kitchens", "parsing", "full", 0, metrics=metrics, config={"parser": options.spacy or "rule"}, epochs=0,
        wall_seconds=round(time.perf_counter() - start, 1), **provenance(),
        dataset_fingerprint={"files": list(files.values()), "sha256": digest.hexdigest()},
        variant="spacy" if options.spacy else "",
    )
    print(record.write(options.results))
