"""Sort the best of a ranking anew by a model of pairs."""

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from actret_core.config import require
from actret_core.errors import EmbeddingError
from actret_core.models.baselines.rrt import PairTransformer


def rerank_pairs(
    model: PairTransformer, ranking: np.ndarray, queries: Tensor, gallery: Tensor, top: int = 100,
    chunk: int = 128, symmetric: bool = False, half: bool = False, progress: bool = False,
) -> np.ndarray:
    """A ranking int [Q, R] of gallery rows, best first, with its first `top` places sorted by `model`, best first.

    queries [Q, T, d] and gallery [G, T, d] are local descriptors; `chunk` pairs are matched at a time. The places
    after `top` stay as they are, and so does the order of equal scores. `symmetric` adds the score of the pair in the
    other order, which the authors do not; `half` computes in bfloat16. Leave the query itself out of `ranking`, or
    it takes one of the places.
    Raises ConfigError if there are fewer than `top` places, EmbeddingError for a ranking of other sets.
    """
    ranking = np.asarray(ranking)
    places = min(ranking.shape[-1], len(gallery))
    wanted = f"1 to {places}: the ranking has {ranking.shape[-1]} places in a gallery of {len(gallery)}; name fewer"
    require(1 <= top <= places, "top", top, wanted)
    if ranking.shape[:1] != (len(queries),) or ranking.max() >= len(gallery):
        raise EmbeddingError(f"ranking {ranking.shape} does not fit {len(queries)} queries and {len(gallery)} items")
    best = ranking[:, :top]
    device = next(model.parameters()).device
    with torch.autocast(device.type, torch.bfloat16, enabled=half):
        scores = _scores(model.eval(), best, queries, gallery, chunk, symmetric, progress)
    order = np.argsort(-scores, axis=1, kind="stable")
    return np.concatenate([np.take_along_axis(best, order, axis=1), ranking[:, top:]], axis=1)


@torch.inference_mode()
def _scores(
    model: PairTransformer, best: np.ndarray, queries: Tensor, gallery: Tensor, chunk: int, symmetric: bool,
    progress: bool,
) -> np.ndarray:
    """The logit of every query with each of its best, [Q, top]."""
    device = next(model.parameters()).device
    rows = torch.arange(len(best)).repeat_interleave(best.shape[1])      # [P]
    items = torch.from_numpy(best.astype(np.int64)).flatten()            # [P]
    out = []
    pieces = [*zip(rows.split(chunk), items.split(chunk), strict=True)]
    for row, item in tqdm(pieces, f"pairs, {chunk} at a time", disable=not progress):
        left, right = queries[row].to(device).float(), gallery[item].to(device).float()
        logits = model.match(left, right).logits
        out.append((logits + model.match(right, left).logits if symmetric else logits).float().cpu())
    return torch.cat(out).view(best.shape).numpy()
