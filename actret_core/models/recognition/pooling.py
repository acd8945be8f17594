"""Cells of a feature map to one vector."""

from torch import Tensor

POOLINGS = ("avg", "max")


def pool_cells(cells: Tensor, pooling: str) -> Tensor:
    """The average ("avg") or the maximum ("max") over the cells: [B, D, h, w] -> [B, D] float32."""
    cells = cells.float()
    return cells.mean((2, 3)) if pooling == "avg" else cells.amax((2, 3))
