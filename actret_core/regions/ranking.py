"""The contextual regions: the proposals that overlap the anchored person most (Eq. 2)."""

from collections.abc import Mapping

import torch
from torch import Tensor
from torchvision.ops import box_iou

from actret_core.data.sample import ActionSplit
from actret_core.errors import ConfigError, ProposalError
from actret_core.regions.box_format import check_layout
from actret_core.regions.proposals import ProposalSet


def select_context(
    boxes: Tensor, scores: Tensor, person: Tensor, k: int, min_score: float, max_iou: float = 1.0
) -> Tensor:
    """The k proposals that overlap the anchored person most (Eq. 2).

    boxes [n, 4] and person [4] are xyxy in pixels; scores [n] in [0, 1]. Returns indices into boxes, best
    first, at most k and possibly none. Ties keep the detector's order, so the result does not depend on the
    sort. A proposal with an IoU above `max_iou` shows the person itself and is dropped; the default keeps it, as the
    paper does.
    """
    if k < 1:
        raise ConfigError(f"k={k}: expected at least one contextual region")
    overlap = box_iou(person[None], boxes).squeeze(0)                    # [n]
    kept = torch.nonzero((scores >= min_score) & (overlap <= max_iou)).squeeze(1)
    return kept[overlap[kept].argsort(descending=True, stable=True)[:k]]


def rank_split(
    split: ActionSplit, proposals: Mapping[str, ProposalSet], k: int, min_score: float, max_iou: float = 1.0
) -> dict[str, Tensor]:
    """The contextual regions of every sample: id -> boxes [m, 4] xyxy, best first, m <= k, possibly none.

    Boxes are clipped to the image. Raises ProposalError if an image is not among `proposals`, if a box lies outside its
    image, or if the boxes of the split look like another format (`check_layout`).
    """
    context = {}
    _check_layout(split, proposals)
    for sample in split.samples:
        if sample.image_id not in proposals:
            raise ProposalError(f"no entry for {sample.image_id}; are the proposals of another data set?")
        found = proposals[sample.image_id]
        limit = torch.tensor([*sample.size, *sample.size], dtype=torch.float32)
        if (found.boxes[:, :2] > limit[:2]).any() or (found.boxes[:, 2:] < 0).any():
            raise ProposalError(f"{sample.image_id}: a proposal leaves its {sample.size} pixels; resized?")
        boxes = found.boxes.clamp(min=0).minimum(limit)
        person = torch.tensor(sample.person)
        context[sample.id] = boxes[select_context(boxes, found.scores, person, k, min_score, max_iou)]
    return context


def _check_layout(split: ActionSplit, proposals: Mapping[str, ProposalSet]) -> None:
    sizes = {sample.image_id: sample.size for sample in split.samples if sample.image_id in proposals}
    counts = torch.tensor([len(proposals[name].boxes) for name in sizes], dtype=torch.int64)
    each = torch.tensor(list(sizes.values()), dtype=torch.float32).reshape(-1, 2).repeat_interleave(counts, dim=0)
    check_layout(torch.cat([torch.empty(0, 4), *(proposals[name].boxes for name in sizes)]), each)
