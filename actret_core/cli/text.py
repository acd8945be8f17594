"""The commands of retrieval by a phrase: `text study`, `text videos` and `text agreement`."""

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from actret_core.cli import options as o
from actret_core.cli.parsing import ListCommand, one_of
from actret_core.config import require

if TYPE_CHECKING:
    from actret_core.text.videos.captioned import CaptionedVideos

BACKBONE = Path("results/playground/small_backbone-compositions.safetensors")
TOKENS = Path("results/stanford40/frozen_tokens.npz")
STUDIED = ("playground", "stanford40")
FILMED = ("epic_kitchens", "msrvtt")
VARIANTS = ("jpose", "jpose-concat", "mmen", "mmen-caption")

app = typer.Typer(help="Retrieval by a phrase: JPoSE, MMEN, and how captions are read.")
CsvFiles = Annotated[Path, typer.Option(
    help="Folder of EPIC-Kitchens-100's retrieval CSV files.", rich_help_panel=o.WHERE)]


@app.command(cls=ListCommand, epilog="Example: actret text study --dataset stanford40 --seeds 0 1 2")
def study(
    dataset: Annotated[str, typer.Option(rich_help_panel=o.WHAT, **one_of("The data set", *STUDIED))] = "playground",
    seeds: Annotated[list[int], typer.Option(
        help="One or more, each a run.", metavar="SEED ...", rich_help_panel=o.WHAT)] = [0],
    data: Annotated[Path | None, typer.Option(
        help="The playground's folder. Default: it is drawn.", rich_help_panel=o.WHERE)] = None,
    weights: Annotated[Path, typer.Option(
        help="playground: a backbone that saw none of the held-out actions.", rich_help_panel=o.WHERE)] = BACKBONE,
    tokens: Annotated[Path, typer.Option(
        help="stanford40: region tokens of a frozen backbone.", rich_help_panel=o.WHERE)] = TOKENS,
    results: o.Results = Path("results"),
) -> None:
    """Find actions that were never seen as a combination, and record each run once."""
    from actret_core.text.compositions.folds import load_studies
    from actret_core.text.compositions.presets import TEXT_PRESETS
    from actret_core.text.compositions.record import record_study

    require(min(seeds) >= 0, "seeds", seeds, "whole numbers, 0 or more")
    for each in load_studies(dataset, data, weights, tokens):
        for seed in seeds:
            record_study(each, TEXT_PRESETS[dataset], seed, results)


@app.command(epilog="Example: actret text videos --dataset msrvtt --train train.npz --test test.npz")
def videos(
    *,
    dataset: Annotated[str, typer.Option(rich_help_panel=o.WHAT, **one_of("The data set", *FILMED))],
    variant: Annotated[str, typer.Option(rich_help_panel=o.WHAT, **one_of("The model", *VARIANTS))] = "jpose",
    seed: Annotated[int, typer.Option(help="Of the training.", rich_help_panel=o.WHAT)] = 0,
    data: CsvFiles | None = None,
    train: Annotated[Path, typer.Option(
        help="Features of the training set; for msrvtt an .npz with captions in it.", rich_help_panel=o.WHERE)],
    test: Annotated[Path, typer.Option(help="The same of the test set.", rich_help_panel=o.WHERE)],
    vectors: Annotated[Path | None, typer.Option(
        help="Pretrained word vectors in text form. Default: words are learned.", rich_help_panel=o.WHERE)] = None,
    results: o.Results = Path("results"),
    epochs: Annotated[int, typer.Option(help="Passes over the training set.", rich_help_panel=o.HOW)] = 100,
    trust_pickle: Annotated[bool, typer.Option(
        "--trust-pickle", help="Read the official features as they come, a pickle.", rich_help_panel=o.HOW)] = False,
) -> None:
    """Train on captioned videos, search both ways, and record the run once; an interrupted run continues."""
    from actret_core.text.videos.captioned import read_epic, read_pair
    from actret_core.text.videos.record import PRESET, record_videos

    needed = data is not None or dataset != "epic_kitchens"
    require(needed, "data", None, "the folder of EPIC-Kitchens-100's retrieval CSV files (--data)")

    def read() -> "CaptionedVideos":
        return read_epic(data, train, test, trust_pickle) if dataset == "epic_kitchens" else read_pair(train, test)

    preset = replace(PRESET, train=replace(PRESET.train, epochs=epochs, seed=seed))
    record = record_videos(dataset, variant, read, preset, results, vectors)
    print(json.dumps(record.metrics, indent=2) if record else f"{variant}, seed {seed}: recorded already")


@app.command(epilog="Example: actret text agreement --data path/to/csv_files")
def agreement(
    data: CsvFiles,
    spacy: Annotated[str | None, typer.Option(
        help="Use this spaCy model instead of the rule.", metavar="MODEL", rich_help_panel=o.HOW)] = None,
    results: o.Results = Path("results"),
) -> None:
    """Compare a parser of captions with EPIC-Kitchens-100's verb and noun columns, and record it."""
    from actret_core.text.agreement import agreement_record

    record = agreement_record(data, spacy)
    for split, metrics in record.metrics.items():
        print(split, metrics)
    print(record.write(results))
