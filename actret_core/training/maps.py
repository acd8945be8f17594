"""Compute the maps of a whole split under a frozen front, once for all trainings of its tail."""

import json
import os
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision import tv_tensors
from tqdm import tqdm

from actret_core.config import require
from actret_core.data.dataset import read_sample
from actret_core.data.maps import VIEWS, MapInfo, MapStore, picture, read_info, sidecar
from actret_core.data.sample import ActionSample, ActionSplit
from actret_core.data.transforms import eval_transform
from actret_core.errors import DataError
from actret_core.models.backbone import FrontBackbone
from actret_core.regions.detector import weights_sha256
from actret_core.training.fit import pick_precision


def write_maps(
    split: ActionSplit, front: FrontBackbone, path: str | Path, image_size: int = 224,
    view: str = "image", batch_size: int = 32, workers: int = 0, precision: str = "auto", progress: bool = True,
) -> MapStore:
    """The maps of every photograph of `split` and of its mirror, in a file at `path`; computed once.

    With `view` "person", those of every anchored person, cut out of the photograph before it is squashed. A finished
    store of the same data set, view, image size and front is opened as it is; an interrupted one, in `<path>.part`,
    is continued. The sidecar `<path>.json` comes last. `precision` is as in TrainConfig. Raises DataError if a store
    of another kind stands there.
    """
    require(view in VIEWS, "view", view, f"one of {', '.join(VIEWS)}")
    path, pictures = Path(path), {picture(s, view)[0]: s for s in split.samples}
    side = -(-image_size // front.stride)
    info = MapInfo(
        split.dataset, view, tuple(pictures), image_size, front.tail, weights_sha256(front),
        (front.dim, side, side), pick_precision(precision),
    )
    if sidecar(path).exists():
        read_info(sidecar(path)).check(path, info)
        return MapStore(path)
    part, done = _begin(path, info)
    pending = _Pictures(list(pictures.values())[done:], info)
    bar = tqdm(total=len(pictures), initial=done, desc="maps", unit="image", disable=not progress)
    with open(part, "ab") as file, bar:
        for images in DataLoader(pending, batch_size, num_workers=workers):
            file.write(_maps(front, images, info).tobytes())
            file.flush()
            bar.update(len(images))
        os.fsync(file.fileno())
    os.replace(part, path)
    os.replace(sidecar(part), sidecar(path))
    return MapStore(path)


def _begin(path: Path, info: MapInfo) -> tuple[Path, int]:
    """The unfinished file, its description beside it, and how many pictures it holds."""
    part = Path(f"{path}.part")
    if path.exists() and not sidecar(part).exists():
        raise DataError(f"{path}: a file without its description {sidecar(path).name}; delete it")
    part.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():  # interrupted between the last two steps
        os.replace(path, part)
    if sidecar(part).exists():
        read_info(sidecar(part)).check(part, info)
    else:
        part.unlink(missing_ok=True)
        sidecar(part).write_text(json.dumps(asdict(info)))
    part.touch()
    done = min(part.stat().st_size // info.row_bytes, len(info.names))
    os.truncate(part, done * info.row_bytes)  # what an interruption has cut
    return part, done


@torch.inference_mode()
def _maps(front: FrontBackbone, images: Tensor, info: MapInfo) -> np.ndarray:
    """images [B, 3, S, S] -> [B, 2, C, h, w] float16: the map of each image and of its mirror."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    front.to(device, memory_format=torch.channels_last).eval()
    both = torch.stack([images, images.flip(3)], dim=1).flatten(0, 1)    # [2B, 3, S, S]
    both = both.to(device, memory_format=torch.channels_last)
    with torch.autocast(device.type, torch.bfloat16, enabled=info.precision == "bf16-mixed"):
        maps = front(both)
    maps = maps.half().cpu().contiguous().numpy()
    if not np.isfinite(maps).all():
        raise DataError("a map does not fit into float16: are these the weights of this backbone?")
    return maps.reshape(len(images), 2, *info.shape)


class _Pictures(Dataset):
    """What is seen of some samples, as the model sees it in evaluation: [3, S, S]."""

    def __init__(self, samples: list[ActionSample], info: MapInfo) -> None:
        self.samples, self.view, self.transform = samples, info.view, eval_transform(info.image_size)

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> Tensor:
        x0, y0, x1, y1 = picture(self.samples[index], self.view)[1]
        image = read_sample(self.samples[index])[:, y0:y1, x0:x1]
        return self.transform(tv_tensors.Image(image)).as_subclass(Tensor)
