"""What a backbone can learn from the playground before it knows of any anchored person: the small ImageNet."""

from dataclasses import replace
from pathlib import Path

from actret_core.data.playground.actions import PLAYGROUND_ACTIONS
from actret_core.data.playground.scenes import compose
from actret_core.data.playground.settings import SETTINGS
from actret_core.data.sample import ActionSplit
from actret_core.data.stanford40 import read_stanford40


def read_pretext(root: Path, seed: int) -> ActionSplit:
    """All images of the playground that was drawn with `seed` at `root`, labeled by what the whole picture shows.

    The labels are the setting and every action that somebody in the picture performs, whoever is anchored.
    """
    classes = (*SETTINGS, *PLAYGROUND_ACTIONS)
    splits = [read_stanford40(root, name, "playground") for name in ("train", "test")]
    samples = []
    for sample in (s for split in splits for s in split.samples):
        action, number = sample.id.rsplit("_", 1)
        scene = compose(seed, (int(number) - 1) * len(PLAYGROUND_ACTIONS) + PLAYGROUND_ACTIONS.index(action))
        shown = {scene.setting, *(actor.action for actor in scene.actors)}
        samples.append(replace(sample, labels=tuple(sorted(classes.index(name) for name in shown))))
    return ActionSplit("playground", "pretext", classes, tuple(samples))
