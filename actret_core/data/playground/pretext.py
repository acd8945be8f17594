"""The pretraining task of the small backbone: what does a whole playground picture show? It stands in for ImageNet."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from actret_core.config import require
from actret_core.data.playground.actions import PLAYGROUND_ACTIONS
from actret_core.data.playground.scenes import Scene, compose
from actret_core.data.playground.settings import SETTINGS
from actret_core.data.readers.stanford40 import read_stanford40
from actret_core.data.sample import ActionSplit


def read_pretext(root: Path, seed: int, without: Sequence[str] = ()) -> ActionSplit:
    """All images of the playground at `root`, which was drawn with `seed`, labeled by what the whole picture shows.

    The labels are the setting and the actions of all persons in the picture, anchored or not. `without`: actions
    ("riding_a_bike"), or actions in one setting ("drinking@beach"), to leave out: all images that show one are dropped,
    and a dropped action is not among the labels. Raises ConfigError for an unknown action or setting.
    """
    known = {*PLAYGROUND_ACTIONS, *(f"{action}@{setting}" for action in PLAYGROUND_ACTIONS for setting in SETTINGS)}
    unknown = [name for name in without if name not in known]
    require(not unknown, "without", unknown, f"some of {', '.join(PLAYGROUND_ACTIONS)}, alone or as action@setting")
    classes = tuple(name for name in (*SETTINGS, *PLAYGROUND_ACTIONS) if name not in without)
    splits = [read_stanford40(root, name, "playground") for name in ("train", "test")]
    samples = []
    for sample in (s for split in splits for s in split.samples):
        actions, setting = shown_actions(sample.id, seed), shown_setting(sample.id, seed)
        shown = {*actions, setting}
        if shown.isdisjoint(without) and {f"{action}@{setting}" for action in actions}.isdisjoint(without):
            samples.append(replace(sample, labels=tuple(sorted(classes.index(name) for name in shown))))
    return ActionSplit("playground", "pretext", classes, tuple(samples))


def shown_actions(sample_id: str, seed: int) -> frozenset[str]:
    """The actions of all persons in a picture of the playground that was drawn with `seed`."""
    return frozenset(actor.action for actor in _scene(sample_id, seed).actors)


def shown_setting(sample_id: str, seed: int) -> str:
    """The setting of a picture of the playground that was drawn with `seed`."""
    return _scene(sample_id, seed).setting


def _scene(sample_id: str, seed: int) -> Scene:
    action, number = sample_id.rsplit("_", 1)
    return compose(seed, (int(number) - 1) * len(PLAYGROUND_ACTIONS) + PLAYGROUND_ACTIONS.index(action))
