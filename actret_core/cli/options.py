"""The options that several commands share, each declared once.

The names that an option takes are listed here again, so that `actret --help` and shell completion need not import
torch. A test compares them with the package's own tables.
"""

from pathlib import Path
from typing import Annotated

import typer

from actret_core.cli.parsing import one_of

WHAT, WHERE, HOW = "What", "Where", "How"  # the panels of a command's help

DATASETS = ("playground", "stanford40", "voc2012")
PHOTOGRAPHS = ("stanford40", "voc2012")
METHODS = (
    "region_net", "strong_reid", "delg", "token", "rrt", "whole_image", "two_stream", "fast_rcnn", "action_mask",
)
PRESETS = ("demo", "cpu", "full", "plus", "reduced", "frozen", "plus_reduced", "plus_frozen")

Dataset = Annotated[str, typer.Option(rich_help_panel=WHAT, **one_of("The data set", *DATASETS))]
Protocol = Annotated[str, typer.Option("--dataset", rich_help_panel=WHAT, **one_of("Whose protocol", *PHOTOGRAPHS))]
Method = Annotated[str, typer.Option(
    rich_help_panel=WHAT, **one_of("The region-aware model (region_net) or a rival", *METHODS))]
Data = Annotated[Path | None, typer.Option(
    help="Folder of the data set; the playground needs none.", rich_help_panel=WHERE)]
Proposals = Annotated[Path | None, typer.Option(
    help="COCO results file with the proposals; the word none: no regions. Default: the file beside the data.",
    rich_help_panel=WHERE)]
Weights = Annotated[str | None, typer.Option(
    help="Backbone: a .safetensors file or a torchvision name. Default: none, from scratch.", rich_help_panel=WHERE)]
Maps = Annotated[Path, typer.Option(
    help="Folder of cached maps, which the preset reduced needs: 8 GB.", rich_help_panel=WHERE)]
Runs = Annotated[Path, typer.Option(help="Folder of checkpoints and logs.", rich_help_panel=WHERE)]
Results = Annotated[Path, typer.Option(help="Folder of the records.", rich_help_panel=WHERE)]
Dim = Annotated[int, typer.Option(
    help="Dimensions of the recorded test embeddings, reduced by a PCA.", rich_help_panel=HOW)]
