"""The visual side: embeddings of a data set by a fusion transformer that never saw the held-out action."""

import json
import tempfile
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from actret_core.config import require
from actret_core.data.playground import PLAYGROUND_CAPTIONS
from actret_core.data.playground.pretext import shown_actions
from actret_core.data.playground.write import RECORD
from actret_core.data.tokens import FrozenTokens, TokenDataset
from actret_core.experiment import configure, find_root, load_data, train_on_tokens
from actret_core.models.region_net import RegionNet
from actret_core.models.weights import load_backbone
from actret_core.presets import DEMO, Preset
from actret_core.text.parsing import parse
from actret_core.text.phrase import Phrase
from actret_core.training.embed import embed
from actret_core.training.tokens import extract_tokens

HELD_OUT = {
    "playground": ("riding_a_bike", "riding_a_horse"),
    "stanford40": ("riding_a_bike", "riding_a_horse", "fixing_a_bike"),
}


@dataclass(frozen=True, eq=False)
class Visuals:
    """Embeddings [N, D] of a data set's persons with their `labels` int [N]; `train` bool [N]: may be learned from, and
    `test` bool [N]: searched in. `phrases` say in words what each of the actions is."""

    features: np.ndarray
    labels: np.ndarray
    train: np.ndarray
    test: np.ndarray
    actions: tuple[str, ...]
    phrases: tuple[Phrase, ...]


def phrases_of(dataset: str, actions: Sequence[str]) -> tuple[Phrase, ...]:
    """Each action's verb and noun: the playground's own captions; elsewhere what the rule reads from the label."""
    if dataset == "playground":
        return tuple(Phrase(verb, (noun,)) for verb, noun in (PLAYGROUND_CAPTIONS[a] for a in actions))
    return tuple(parse(action) for action in actions)


def check_held_out(held: str, actions: Sequence[str], phrases: Sequence[Phrase]) -> None:
    """Raise ConfigError unless `held` is an action with a noun whose verb and nouns all occur in other actions."""
    require(held in actions, "held", held, f"one of {', '.join(actions)}")
    mine, others = phrases[list(actions).index(held)], [p for a, p in zip(actions, phrases, strict=True) if a != held]
    lacking = [] if mine.verb in {p.verb for p in others} else [mine.verb]
    lacking += [noun for noun in mine.nouns if noun not in {n for p in others for n in p.nouns}]
    require(bool(mine.nouns) and not lacking, "held", held, f"an action whose verb and nouns occur in others; "
            f"{', '.join(lacking) or 'a noun'} does not")


def playground_tokens(root: Path | None, weights: Path, progress: bool = True) -> FrozenTokens:
    """The region tokens of the playground under a small backbone, as those of Stanford-40 that come with the book.

    Raises ConfigError for a playground of another seed than 0: `bystanders` would look for the wrong persons.
    """
    root = find_root("playground", root, progress=progress)
    drawn = json.loads((root / RECORD).read_text())["seed"] if (root / RECORD).exists() else 0
    require(drawn == 0, "seed", drawn, f"0: {root} is another playground than the study's")
    preset = replace(DEMO, model=replace(DEMO.model, backbone="small"))
    data = load_data("playground", root, preset.model)
    model = RegionNet(configure(preset, data, weights, 0).model)
    load_backbone(model.backbone, weights)
    parts = {"train": data.dataset(data.train, model.config), "test": data.dataset(data.evaluation, model.config)}
    return extract_tokens(model, parts, model.backbone.dim, workers=0, progress=progress)


def bystanders(frozen: FrozenTokens, action: str) -> frozenset[str]:
    """The pictures of the playground in which anybody, anchored or not, performs the action."""
    return frozenset(name for name in frozen.ids.tolist() if action in shown_actions(name, seed=0))


def embed_without(
    frozen: FrozenTokens, held: str | None, preset: Preset, hidden: Collection[str] = (), progress: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Train the fusion transformer without the action `held` (None: with all) and the images `hidden`; embed all images.

    Returns features [N, D] of all N images in the order of `frozen`, and `train` bool [N], those that were learned from.
    """
    actions = frozen.actions.tolist()
    mine = frozen.labels == actions.index(held) if held else np.zeros(len(frozen.ids), bool)
    train = frozen.train & ~mine & ~np.isin(frozen.ids, list(hidden))
    kept = (train | ~frozen.train) & ~mine
    seen = [action for action in actions if action != held]
    number = np.array([seen.index(a) if a in seen else 0 for a in actions], np.uint8)
    by_image = {name: getattr(frozen, name)[kept] for name in ("values", "regions", "boxes", "ids")}
    part = replace(frozen, train=train[kept], labels=number[frozen.labels[kept]], actions=np.array(seen), **by_image)
    with tempfile.TemporaryDirectory() as out:
        head, _ = train_on_tokens(part, preset, Path(out), progress)
    everything = TokenDataset(replace(frozen, train=train), np.ones(len(train), bool), preset.model.features)
    return embed(head, everything, 256, progress=progress).features, train
