"""What a caller hands in as arrays: numpy's, lists, or the tensors of torch, which need not be installed."""

import numpy as np

from actret_core.errors import EmbeddingError


def as_array(values: object, name: str, dtype: type | None = None) -> np.ndarray:
    """An array of anything that numpy reads, or of a tensor of any kind, or of a list of tensors.

    Raises EmbeddingError, with the `name` of the field, for anything else.
    """
    try:
        return np.asarray(_without_torch(values), dtype)
    except (TypeError, ValueError, RuntimeError) as error:
        raise EmbeddingError(f"{name}: cannot be an array ({error}); give an array, or rows of equal length") from error


def _without_torch(values: object) -> object:
    if isinstance(values, list | tuple) and any(hasattr(value, "detach") for value in values):
        return [_without_torch(value) for value in values]
    if not hasattr(values, "detach"):
        return values
    tensor = values.detach().cpu()
    try:
        return tensor.numpy()
    except TypeError:  # numpy knows no bfloat16
        return tensor.float().numpy()


def as_floats(features: np.ndarray) -> np.ndarray:
    """Integers as float32, or as float64 if they have 32 bits or more; anything else as it is."""
    if not np.issubdtype(features.dtype, np.integer):
        return features
    return features.astype(np.promote_types(features.dtype, np.float32))


def as_float32(features: np.ndarray) -> np.ndarray:
    """Floats [N, D] as float32; as they are where a value is too large for it, or a whole row too small."""
    if features.ndim != 2 or 0 in features.shape or not np.issubdtype(features.dtype, np.floating):
        return features
    if features.itemsize <= 4:
        return features.astype(np.float32)
    largest, limits = np.abs(features).max(axis=1), np.finfo(np.float32)
    fits = (largest <= limits.max) & ((largest >= limits.tiny) | (largest == 0))
    return features.astype(np.float32) if fits.all() else features


def are_words(values: np.ndarray) -> bool:
    """Whether an array holds strings alone, as numpy's own kinds or as Python's objects."""
    return values.dtype.kind in "UT" or values.dtype == object and all(isinstance(v, str) for v in values.flat)
