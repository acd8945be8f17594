"""A scene: a setting and one to three persons, one of whom is anchored."""

from dataclasses import dataclass, replace
from random import Random

from PIL import Image

from actret_core.data.playground.acting import Thing, perform
from actret_core.data.playground.actions import ACTIONS, PLAYGROUND_ACTIONS, Action
from actret_core.data.playground.pen import Box, Canvas, Pen
from actret_core.data.playground.settings import SETTINGS, draw_setting

ALONE, PAIR = 0.25, 0.88  # probability of one person, and of at most two
ROOM = 270.0  # body units in which three persons must fit, else there are only two
AWAY = 0.35  # probability that an action without a setting is in a random one, not the park: a setting is a hint
SAME_GROUP = 0.9  # probability that another person's action is of the anchored person's group


@dataclass(frozen=True)
class Actor:
    """A person in a scene: action, position in pixels, pixels per body unit, direction, random key."""

    action: str
    x: float = 0.0
    y: float = 0.0
    scale: float = 1.0
    flip: bool = False
    key: str = ""


@dataclass(frozen=True)
class Scene:
    """All that determines a picture. `actors` are sorted left to right; `actors[anchor]` is the anchored person."""

    size: tuple[int, int]
    setting: str
    cue_left: bool
    actors: tuple[Actor, ...]
    anchor: int
    key: str

    @property
    def action(self) -> str:
        """The action of the anchored person."""
        return self.actors[self.anchor].action


@dataclass(frozen=True)
class Picture:
    """A drawn scene: `persons[i]` is the true box of actor i, xyxy in pixels; `things` are objects and clutter."""

    image: Image.Image
    persons: tuple[Box, ...]
    things: tuple[Thing, ...]


def compose(seed: int, index: int) -> Scene:
    """Scene number `index` of the playground with this seed; it depends on these two numbers only."""
    key = f"{seed}-{index}"
    rng = Random(f"{key}-cast")
    anchored = ACTIONS[PLAYGROUND_ACTIONS[index % len(PLAYGROUND_ACTIONS)]]
    setting = anchored.setting or (rng.choice(SETTINGS) if rng.random() < AWAY else "park")
    cast, cue_left = _cast(anchored, setting, rng), rng.random() < 0.5
    order = sorted(range(len(cast)), key=lambda i: _place(cast[i], cue_left, rng))
    size = _size(len(cast), rng)
    actors = _arrange([cast[i] for i in order], size, cue_left, Random(f"{key}-places"))
    actors = tuple(replace(actor, key=f"{key}-actor{i}") for i, actor in enumerate(actors))
    return Scene(size, setting, cue_left, actors, order.index(0), key)


def render(scene: Scene, props: bool = True) -> Picture:
    """Draw a scene; with `props` False, only the persons' poses are drawn, without the objects of their actions."""
    canvas = Canvas(scene.size)
    things = draw_setting(canvas, scene.setting, scene.cue_left, scene.key)
    boxes: dict[int, Box] = {}
    for i, actor in sorted(enumerate(scene.actors), key=lambda item: item[1].y):
        action, pen = ACTIONS[actor.action], Pen(canvas, actor.x, actor.y, actor.scale, actor.flip)
        back, front = action.reach
        pen.child(((front - back) / 2, 0.0)).disc((0.0, 0.0), (back + front) * 0.42, (52, 52, 86, 50), 4.0)
        behind, held = (action.behind, action.held) if props else (None, None)
        things += perform(pen, actor.key, action.pose, behind, held)
        boxes[i] = pen.box
    return Picture(canvas.finish(), tuple(boxes[i] for i in range(len(boxes))), tuple(things))


def _cast(anchored: Action, setting: str, rng: Random) -> list[Action]:
    """The actions of all persons, the anchored one first; all are possible in this setting."""
    draw = rng.random()
    others = [a for a in ACTIONS.values() if a is not anchored and a.setting in (None, setting)]
    rivals = [a for a in others if a.group == anchored.group]
    cast = [anchored]
    for _ in range((draw >= ALONE) + (draw >= PAIR)):
        cast.append(rng.choice(rivals if rivals and rng.random() < SAME_GROUP else others))
    return cast if sum(sum(a.reach) for a in cast) < ROOM else cast[:2]


def _place(action: Action, cue_left: bool, rng: Random) -> float:
    """A sort key from left to right: random, but a person whose action needs the setting stands far from its cue."""
    if action.setting is None:
        return rng.random()
    return 2.0 if cue_left else -1.0


def _size(persons: int, rng: Random) -> tuple[int, int]:
    """Width and height of the picture in pixels: wider for more persons."""
    if persons == 1:
        return rng.choice(((160, 160), (160, 160), (192, 160), (160, 192)))
    return rng.choice(((176, 160), (192, 160))) if persons == 2 else (192, 160)


def _arrange(cast: list[Action], size: tuple[int, int], cue_left: bool, rng: Random) -> list[Actor]:
    """Place all persons from left to right, with similar sizes and at similar depths."""
    w, h = size
    room = [sum(a.reach) for a in cast]
    largest = (rng.uniform(0.86, 1.0), 0.84, 0.74)[len(cast) - 1]
    scale = min(largest, (w - 4) / sum(room))
    slack, left = max(w - scale * sum(room), 0.0), 0.0
    gaps = [rng.uniform(0.3, 1.0) for _ in range(len(cast) + 1)]
    gaps[0 if cue_left else -1] += 1.2 if len(cast) == 1 else 0.3
    actors = []
    for action, gap, span in zip(cast, gaps, room, strict=False):
        flip, own = rng.random() < 0.5, scale * rng.uniform(0.93, 1.0)
        left += slack * gap / sum(gaps)
        x = left + own * action.reach[1 if flip else 0]
        left += scale * span
        actors.append(Actor(action.name, x, h * rng.uniform(0.87, 0.95), own, flip))
    return actors
