"""From captions and visuals to a trained text model: the steps that studies and videos share."""

import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np

from actret_core.config import require
from actret_core.experiments.presets import Preset
from actret_core.text.captions import CaptionDataset
from actret_core.text.model import MODELS, TextModel
from actret_core.text.phrase import Phrase
from actret_core.text.vocabulary import Vocabulary, word_table
from actret_core.training.config import TrainConfig
from actret_core.training.fit import FitResult, fit

VARIANTS = {
    "jpose": ("jpose", {"join": "learned"}),
    "jpose-concat": ("jpose", {"join": "concat"}),
    "mmen": ("mmen", {"text": "parts"}),
    "mmen-caption": ("mmen", {"text": "caption"}),
}


@dataclass(frozen=True)
class TextPreset:
    """The settings of a text run."""

    tier: str                    # of the record
    train: TrainConfig           # the training of the text models
    model: dict[str, Any] = field(default_factory=dict)  # fields of their config that differ from the defaults
    visual: Preset | None = None  # the fusion transformer of the studies' prototypes, if there is one


@dataclass(frozen=True, eq=False)
class Captioned:
    """Visual features float32 [n, D] and the phrases of N captions; `rows` and `labels` as in CaptionDataset."""

    features: np.ndarray
    phrases: tuple[Phrase, ...]
    rows: np.ndarray | None = None
    labels: np.ndarray | None = None


def train_captioned(
    seen: Captioned, variant: str, preset: TextPreset, vocabulary: Vocabulary,
    vectors: Mapping[str, np.ndarray] | None = None, out: Path | None = None, progress: bool = False,
) -> tuple[TextModel, FitResult]:
    """Train one of VARIANTS on the captions, in words of the vocabulary; resumes a run begun in `out`.

    `vectors`: pretrained word vectors, as wide as the preset's `word_dim`. Raises ConfigError for an unknown variant.
    """
    require(variant in VARIANTS, "variant", variant, f"one of {', '.join(VARIANTS)}")
    kind, change = VARIANTS[variant]
    config_type, model_type = MODELS[kind]
    config = config_type(visual_dim=seen.features.shape[1], words=vocabulary.size, **preset.model | change)
    L.seed_everything(preset.train.seed, verbose=False)
    model = model_type(config, word_table(vocabulary, config.word_dim, vectors, seed=preset.train.seed))
    pairs = CaptionDataset(seen.features, seen.phrases, vocabulary, seen.rows, seen.labels)
    with tempfile.TemporaryDirectory() as temporary:
        result = fit(model, pairs, None, preset.train, out or Path(temporary), progress)
    return model, result


def as_config(preset: TextPreset, variant: str) -> dict[str, Any]:
    """The config in the record of a text model."""
    kind, change = VARIANTS[variant]
    return {"text": {"method": kind, **preset.model, **change}, "train": asdict(preset.train)}
