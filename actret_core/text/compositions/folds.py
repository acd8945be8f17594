"""Studies and the actions that they hold out: verb and object on both data sets, verb and place on the playground."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from actret_core.config import require
from actret_core.data.playground import PLAYGROUND_CAPTIONS
from actret_core.data.playground.pretext import shown_actions, shown_setting
from actret_core.data.tokens import FrozenTokens
from actret_core.text.compositions.visuals import Visuals, playground_tokens, pool_views
from actret_core.text.parsing import parse
from actret_core.text.phrase import Phrase

HELD_OUT = {
    "playground": ("riding_a_bike", "riding_a_horse"),
    "stanford40": ("riding_a_bike", "riding_a_horse", "fixing_a_bike"),
}
PLACES = {  # actions that happen in every place -> the place that is held out
    "brushing_teeth": "city", "drinking": "beach", "feeding_a_horse": "mountain", "fixing_a_bike": "city",
    "flying_a_kite": "beach", "phoning": "mountain",
}
BOUND = {  # actions that happen in one place -> their verb and this place
    "hiking": ("hike", "mountain"), "strolling_in_the_city": ("stroll", "city"),
    "walking_on_the_beach": ("walk", "beach"),
}
Fold = tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Study:
    """Region `tokens` of images whose `actions` are compositions, and the phrase of each action.

    `folds`: the actions that are held out together; there is one training for each fold. `hidden`: images that a fold
    does not learn from although their own action is seen. `name` distinguishes the studies of one data set. Raises
    ConfigError for a fold with an action whose verb or noun occurs in no other action.
    """

    dataset: str
    tokens: FrozenTokens
    phrases: tuple[Phrase, ...]
    folds: tuple[Fold, ...]
    hidden: Mapping[Fold, frozenset[str]] = field(default_factory=dict)
    name: str = ""

    def __post_init__(self) -> None:
        for fold in self.folds:
            check_fold(fold, self.actions, self.phrases)

    @property
    def actions(self) -> tuple[str, ...]:
        """The names of the compositions."""
        return tuple(self.tokens.actions.tolist())

    def visuals(self, fold: Fold) -> Visuals:
        """The pooled views of all images. Those of the fold's actions are not for training. The fold may be empty."""
        t = self.tokens
        out = np.isin(t.labels, [self.actions.index(held) for held in fold])
        train = t.train & ~out & ~np.isin(t.ids, list(self.hidden.get(fold, ())))
        return Visuals(pool_views(t, train), t.labels.astype(np.int64), train, ~t.train, self.actions, self.phrases)


def check_fold(fold: Fold, actions: Sequence[str], phrases: Sequence[Phrase]) -> None:
    """Raise ConfigError unless each held-out action has a noun, and its verb and nouns all occur in seen actions."""
    unknown = [held for held in fold if held not in actions]
    require(not unknown, "held", unknown, f"some of {', '.join(actions)}")
    known = dict(zip(actions, phrases, strict=True))
    seen = {word for action, p in known.items() if action not in fold for word in (p.verb, *p.nouns)}
    for held in fold:
        lacking = [word for word in (known[held].verb, *known[held].nouns) if word not in seen]
        require(bool(known[held].nouns) and not lacking, "held", held,
                f"an action whose verb and nouns occur in others; {', '.join(lacking) or 'a noun'} does not")


def load_studies(
    dataset: str, data: Path | None, weights: Path, tokens: Path, progress: bool = True
) -> list[Study]:
    """The studies of a data set: verb and object, and on the playground verb and place.

    For the playground in `data` (None: it is drawn), tokens are computed by the backbone `weights`; for any other data
    set, the file `tokens` is read.
    """
    if dataset != "playground":
        return [object_study(dataset, FrozenTokens.load(tokens))]
    frozen = playground_tokens(data, weights, progress)
    return [object_study(dataset, frozen), place_study(frozen)]


def object_study(dataset: str, frozen: FrozenTokens) -> Study:
    """Verb and object, one action in each fold: riding a bike, after riding a horse and fixing a bike.

    On the playground the phrases are its own captions, and pictures in which a bystander performs the held-out action
    are hidden. On other data sets the phrases are parsed from the labels, and what bystanders do is not known.
    """
    actions, folds = frozen.actions.tolist(), tuple((held,) for held in HELD_OUT[dataset])
    if dataset != "playground":
        return Study(dataset, frozen, tuple(parse(action) for action in actions), folds)
    phrases = tuple(Phrase(verb, (noun,)) for verb, noun in (PLAYGROUND_CAPTIONS[a] for a in actions))
    return Study(dataset, frozen, phrases, folds, {fold: _shows(frozen, fold) for fold in folds})


def place_study(frozen: FrozenTokens) -> Study:
    """Verb and place on the playground, all in one fold: drinking at the beach, after drinking elsewhere.

    Every verb is seen in three places or in one, every place with several verbs. Held-out images of both splits are
    part of the test.
    """
    wanted = np.isin(frozen.labels, [frozen.actions.tolist().index(a) for a in (*PLACES, *BOUND)])
    ids = frozen.ids[wanted]
    pairs = [_where(name) for name in ids.tolist()]
    names = sorted(set(pairs))
    fold = tuple(f"{PLAYGROUND_CAPTIONS[action][0]}_{place}" for action, place in PLACES.items())
    label = np.array([names.index(pair) for pair in pairs], np.uint8)
    out = np.isin(label, [i for i, pair in enumerate(names) if "_".join(pair) in fold])
    by_image = {name: getattr(frozen, name)[wanted] for name in ("values", "regions", "boxes", "ids")}
    tokens = replace(frozen, train=frozen.train[wanted] & ~out, labels=label,
                     actions=np.array(["_".join(pair) for pair in names]), **by_image)
    hidden = _shows(tokens, tuple(f"{action}@{place}" for action, place in PLACES.items()))
    phrases = tuple(Phrase(verb, (place,)) for verb, place in names)
    return Study("playground", tokens, phrases, (fold,), {fold: hidden}, "places")


def _where(sample_id: str) -> tuple[str, str]:
    """The verb and the place of the anchored person of a picture, by its id."""
    action = sample_id.rsplit("_", 1)[0]
    return BOUND.get(action) or (PLAYGROUND_CAPTIONS[action][0], shown_setting(sample_id, seed=0))


def _shows(frozen: FrozenTokens, wanted: Sequence[str]) -> frozenset[str]:
    """The ids of playground pictures in which anybody performs one of the actions ("drinking", or "drinking@beach")."""
    found = set()
    for name in frozen.ids.tolist():
        actions, setting = shown_actions(name, seed=0), shown_setting(name, seed=0)
        if not actions.isdisjoint(wanted) or not {f"{a}@{setting}" for a in actions}.isdisjoint(wanted):
            found.add(name)
    return frozenset(found)
