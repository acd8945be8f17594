"""The device to compute on, and its precision."""

import torch

from actret_core.config import require


def pick_device() -> torch.device:
    """The GPU if there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def pick_precision(precision: str) -> str:
    """Lightning's name for a TrainConfig's `precision`; "auto" is "bf16-mixed" if the device has bfloat16.

    Raises ConfigError for "bf16-mixed" on a GPU without bfloat16. A CPU without it emulates it, slowly.
    """
    if torch.cuda.is_available():
        native = torch.cuda.is_bf16_supported(including_emulation=False)
        wanted = f"'32-true' or 'auto': {torch.cuda.get_device_name()} has no bfloat16"
        require(native or precision != "bf16-mixed", "precision", precision, wanted)
    else:
        capabilities = getattr(torch.cpu, "get_capabilities", dict)()  # torch 2.12 and newer
        native = capabilities.get("amx_bf16") or capabilities.get("avx512_bf16")
    if precision != "auto":
        return precision
    return "bf16-mixed" if native else "32-true"


def autocast(precision: str) -> torch.autocast:
    """A context in which models compute in `precision`, a field of TrainConfig."""
    return torch.autocast(pick_device().type, torch.bfloat16, enabled=pick_precision(precision) == "bf16-mixed")
