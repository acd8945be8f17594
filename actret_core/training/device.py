"""The device at hand, and what it computes in."""

import torch

from actret_core.config import require


def pick_device() -> torch.device:
    """The GPU if there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def pick_precision(precision: str) -> str:
    """Lightning's name for `precision`; "auto" is bfloat16 where the device computes in it natively.

    Raises ConfigError for "bf16-mixed" on a GPU without bfloat16. A CPU without it computes it all the same, slowly.
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
    """The context in which a model computes as `precision` says."""
    return torch.autocast(pick_device().type, torch.bfloat16, enabled=pick_precision(precision) == "bf16-mixed")
