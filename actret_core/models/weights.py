"""Pretrained backbone weights: torchvision's by name, or a safetensors file with torchvision's parameter names."""

import pickle
from http.client import HTTPException
from pathlib import Path
from urllib.error import URLError

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torchvision.models import WeightsEnum, get_weight

from actret_core.errors import CheckpointError, DownloadError
from actret_core.files import atomic_path
from actret_core.models.backbone import FrontBackbone, TailBackbone, build_backbone

UNREADABLE_PICKLE = (
    pickle.UnpicklingError, EOFError, RuntimeError, ValueError, LookupError, TypeError, AttributeError, ImportError,
)
NOT_OURS = ("fc.weight", "fc.bias")  # the ImageNet classifier


def backbone_of(weights: str | Path) -> str:
    """The backbone that `weights` belong to: "small", "resnet50", or "resnet50_he2016" (stride in the 1x1).

    `weights` is a .safetensors file, whose metadata says it, or a torchvision name such as
    "ResNet50_Weights.IMAGENET1K_V2", which is always a "resnet50".
    """
    path = Path(weights)
    if path.suffix != ".safetensors":
        return "resnet50"
    with _open(path) as file:
        architecture = (file.metadata() or {}).get("architecture", "")
    if architecture == "small":
        return "small"
    return "resnet50_he2016" if "stride in the 1x1" in architecture else "resnet50"


def load_backbone(backbone: nn.Module, weights: str | Path) -> None:
    """Load pretrained weights into a backbone, in place. Raises CheckpointError if names or shapes do not fit.

    The weights must be those of a whole backbone; a front or a tail uses its part of them.
    """
    state = {_rename(k): v for k, v in read_weights(weights).items() if k not in NOT_OURS}
    if isinstance(backbone, FrontBackbone | TailBackbone):
        with torch.device("meta"):  # names and shapes without memory
            fill(build_backbone(backbone.whole), state, weights, assign=True)
        state = {k: v for k, v in state.items() if k in backbone.state_dict()}
    fill(backbone, state, weights)


def fill(module: nn.Module, state: dict[str, Tensor], weights: str | Path, assign: bool = False) -> None:
    """Load `state`, read from `weights`, into a module; only the batch norms' counters of batches may be missing.

    With `assign`, the module's tensors are replaced instead of copied into. Raises CheckpointError, naming `weights`,
    if names or shapes do not fit, or if a tensor holds NaN or inf.
    """
    state = {k: v.float() if v.is_floating_point() else v for k, v in state.items()}
    broken = [k for k, v in state.items() if v.is_floating_point() and not v.isfinite().all()]
    if broken:
        count = f"{len(broken)} of its {len(state)} tensors"
        raise CheckpointError(f"{weights}: {broken[0]} holds NaN or inf, as do {count}; name other weights")
    try:
        missing = module.load_state_dict(state, strict=False, assign=assign)
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].strip()
        raise CheckpointError(f"{weights}: not weights of this backbone; {reason}") from None
    unknown = missing.unexpected_keys
    lacking = [k for k in missing.missing_keys if not k.endswith("num_batches_tracked")]
    if lacking or unknown:
        raise CheckpointError(
            f"{weights}: not weights of this backbone; lacks {lacking[:3]}, unknown {unknown[:3]}"
        )


def save_small_backbone(path: Path, backbone: nn.Module) -> None:
    """Write a small backbone in float16, completely or not at all."""
    state = {k: (v.half() if v.is_floating_point() else v).contiguous() for k, v in backbone.state_dict().items()}
    with atomic_path(path) as temporary:
        save_file(state, temporary, metadata={"architecture": "small"})


def read_weights(weights: str | Path) -> dict[str, Tensor]:
    """All tensors of a .safetensors file, or of torchvision's weights by name, which are downloaded if needed.

    Raises CheckpointError for an unknown name or an unreadable file, DownloadError if the download fails.
    """
    if Path(weights).suffix != ".safetensors":
        return _fetch(_torchvision_weights(str(weights)))
    with _open(Path(weights)) as file:
        return {k: file.get_tensor(k) for k in file.keys()}


def _torchvision_weights(name: str) -> WeightsEnum:
    try:
        return get_weight(name)
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"weights {name!r}: no .safetensors file and no torchvision name ({error})") from None


def _fetch(weights: WeightsEnum) -> dict[str, Tensor]:
    """torchvision's weights, from torch's cache if they are there."""
    cached = Path(torch.hub.get_dir(), "checkpoints", Path(weights.url).name)
    there = cached.exists()
    try:
        return weights.get_state_dict(progress=True, check_hash=True)
    except UNREADABLE_PICKLE as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        if there:
            raise CheckpointError(f"{cached}: not whole weights ({reason}); delete this file and try again") from None
        raise DownloadError(f"{weights}: arrived damaged ({reason}); try again, or name a .safetensors file") from None
    except (OSError, HTTPException) as error:
        local = not isinstance(error, URLError) and getattr(error, "filename", None)
        remedy = "set TORCH_HOME to a folder that can be written" if local else "try again"
        raise DownloadError(
            f"{weights}: cannot be fetched ({error}); {remedy}, or name a .safetensors file"
        ) from error


def _open(path: Path) -> safe_open:
    try:
        return safe_open(path, framework="pt")
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path}: not a readable safetensors file ({error})") from None


def _rename(key: str) -> str:
    """torchvision's parameter names -> ours: stem.0, stem.1 and layers.0 to layers.3."""
    head, _, rest = key.partition(".")
    if head in ("layer1", "layer2", "layer3", "layer4"):
        return f"layers.{int(head[5:]) - 1}.{rest}"
    return f"stem.{('conv1', 'bn1').index(head)}.{rest}" if head in ("conv1", "bn1") else key
