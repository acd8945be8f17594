"""The commands of retrieval by a phrase: `text study` and `text agreement`."""

import argparse
import hashlib
import time
from pathlib import Path

from actret_core.compositions.presets import TEXT_PRESETS
from actret_core.compositions.record import record_study
from actret_core.compositions.studies import load_studies
from actret_core.results import RunRecord, provenance
from actret_core.text import epic_kitchens as epic
from actret_core.text.agreement import agreement
from actret_core.text.parsing import parse
from actret_core.text.tagging import load_tagger, tag

BACKBONE = Path("results/playground/small_backbone-compositions.safetensors")
TOKENS = Path("results/stanford40/frozen_tokens.npz")


def add_text_commands(commands: argparse._SubParsersAction) -> None:
    """`text` and its own commands."""
    text = commands.add_parser("text", help="retrieval by a phrase: JPoSE, MMEN, and how captions are read")
    own = text.add_subparsers(required=True, metavar="COMMAND")
    study = own.add_parser("study", help="find actions that were never seen as a combination; record each run once")
    study.add_argument("--dataset", choices=TEXT_PRESETS, default="playground")
    study.add_argument("--data", type=Path, help="the playground's folder; default: it is drawn")
    study.add_argument("--weights", type=Path, default=BACKBONE, help="playground: a small backbone that saw none of it")
    study.add_argument("--tokens", type=Path, default=TOKENS, help="stanford40: region tokens of a frozen backbone")
    study.add_argument("--seeds", type=int, nargs="+", default=[0])
    study.add_argument("--results", type=Path, default=Path("results"))
    study.set_defaults(run=run_study)
    agree = own.add_parser("agreement", help="compare a parser with EPIC-Kitchens-100's verb and noun columns")
    agree.add_argument("--data", type=Path, required=True, help="the folder of its retrieval CSV files")
    agree.add_argument("--spacy", metavar="MODEL", help="use this spaCy model instead of the rule")
    agree.add_argument("--results", type=Path, default=Path("results"))
    agree.set_defaults(run=run_agreement)


def run_study(options: argparse.Namespace) -> None:
    """All variants of every study and seed that are not recorded yet."""
    for study in load_studies(options.dataset, options.data, options.weights, options.tokens):
        for seed in options.seeds:
            record_study(study, TEXT_PRESETS[options.dataset], seed, options.results)


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
