"""From the cells of a map to one vector."""

from functools import partial

from torch import Tensor


def maximum(feature_map: Tensor) -> Tensor:
    """The maximum of each channel (Eq. 3): [B, D, h, w] -> [B, D]."""
    return feature_map.amax((2, 3))


def generalized_mean(feature_map: Tensor, p: float, floor: float = 1e-6) -> Tensor:
    """GeM: [B, D, h, w] -> [B, D]. The mean for p = 1, the maximum in the limit; values below `floor` count as it."""
    # float32: a cube leaves the range of half precision
    return feature_map.float().clamp(min=floor).pow(p).mean((2, 3)).pow(1 / p)


POOL = {"max": maximum, "gem": partial(generalized_mean, p=3.0)}


def pool_cells(cells: Tensor, pooling: str) -> Tensor:
    """The average ("avg") or the maximum ("max") over the cells: [B, D, h, w] -> [B, D] float32."""
    cells = cells.float()
    return cells.mean((2, 3)) if pooling == "avg" else cells.amax((2, 3))
