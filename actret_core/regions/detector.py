"""Proposals of torchvision's Faster R-CNN (Section 3.2) for any number of images, resumable."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torchvision import models
from tqdm import tqdm

from actret_core.config import require
from actret_core.data.dataset import read_image
from actret_core.errors import DownloadError, ProposalError
from actret_core.files import weights_sha256
from actret_core.regions.proposals import ProposalSet, write_proposals


def load_detector(
    weights: str | None = "COCO_V1", name: str = "fasterrcnn_resnet50_fpn", **options: Any
) -> nn.Module:
    """A torchvision detector by the `name` of its builder, with COCO weights, or random ones for `weights` None.

    `options` are passed to the builder (`min_size`, `box_score_thresh`, ...). Raises DownloadError if the weights
    cannot be downloaded.
    """
    known = models.get_model_weights(name).__members__
    require(weights is None or weights in known, "weights", weights, f"None or one of {', '.join(known)}")
    try:
        return models.get_model(name, weights=weights, weights_backbone=None, **options).eval()
    except OSError as error:
        raise DownloadError(
            f"weights {weights} of {name}: cannot be fetched ({error}); "
            "try again, or use a proposals file that another detector wrote"
        ) from error


def detect(
    model: nn.Module,
    images: Sequence[Path],
    out: Path,
    batch_size: int = 4,
    min_score: float = 0.05,
    progress: bool = True,
    sizes: Mapping[Path, tuple[int, int]] | None = None,
) -> Path:
    """Run a torchvision detector on `images` and write a COCO results file, in their order, to `out`.

    Detections below `min_score` are dropped, after those below the model's own threshold. The image id is the file
    name. Finished images are saved in `<out>.part.jsonl`: after an interruption, the same call continues there, with
    the same result. `sizes` are the annotated (width, height), see `read_image`.
    Raises DataError for an image that cannot be read, ProposalError if two images share a file name, or if the
    interrupted run had other weights or another `min_score`.
    """
    paths, sizes = {path.name: path for path in map(Path, images)}, sizes or {}
    if len(paths) < len(set(map(Path, images))):
        raise ProposalError(f"{out}: two images share a file name, by which proposals are stored; rename one")
    shard = Path(f"{out}.part.jsonl")
    shard.parent.mkdir(parents=True, exist_ok=True)
    done = _resume(shard, {"min_score": min_score, "weights": weights_sha256(model)})
    names = list(paths)
    # An unfinished batch is repeated as a whole: its images are padded to one size, which affects the results slightly.
    batches = [names[i : i + batch_size] for i in range(0, len(names), batch_size)]
    pending = [batch for batch in batches if not done.keys() >= set(batch)]
    bar = tqdm(total=len(names), desc="detect", unit="image", disable=not progress)
    bar.update(len(names) - sum(map(len, pending)))
    with open(shard, "a") as file, bar:
        for batch in pending:
            found = _detect_batch(model, [read_image(paths[name], sizes.get(paths[name])) for name in batch], min_score)
            done |= zip(batch, found, strict=True)
            file.writelines(_line(name, proposals) for name, proposals in zip(batch, found, strict=True))
            file.flush()
            bar.update(len(batch))
    write_proposals(out, {name: done[name] for name in names})
    shard.unlink()
    return Path(out)


@torch.inference_mode()
def _detect_batch(model: nn.Module, images: list[Tensor], min_score: float) -> list[ProposalSet]:
    device = next(model.parameters()).device
    found = []
    for result in model.eval()([image.to(device).float() / 255 for image in images]):
        kept = result["scores"] >= min_score
        found.append(ProposalSet(*(result[key][kept].cpu() for key in ("boxes", "scores", "labels"))))
    return found


def _line(name: str, proposals: ProposalSet) -> str:
    return json.dumps([name, *(values.tolist() for values in proposals)]) + "\n"


def _resume(shard: Path, settings: dict[str, Any]) -> dict[str, ProposalSet]:
    """The finished images of an interrupted run with these settings; creates the shard if there is none."""
    lines = shard.read_bytes().splitlines(keepends=True) if shard.exists() else []
    if lines and not lines[-1].endswith(b"\n"):
        os.truncate(shard, sum(map(len, lines[:-1])))  # an incomplete line
        lines = lines[:-1]
    if not lines:
        shard.write_text(json.dumps(settings) + "\n")
        return {}
    try:
        begun, *rows = map(json.loads, lines)
        finished = {name: _proposals(*values) for name, *values in rows}
    except (TypeError, ValueError) as error:
        raise ProposalError(f"{shard}: damaged ({error}); delete it and run again") from None
    if begun != settings:
        raise ProposalError(f"{shard}: begun with other weights or min_score; use the same, or delete it")
    return finished


def _proposals(boxes: list[list[float]], scores: list[float], categories: list[int]) -> ProposalSet:
    categories = torch.tensor(categories, dtype=torch.int64)
    return ProposalSet(torch.tensor(boxes).reshape(-1, 4), torch.tensor(scores), categories)
