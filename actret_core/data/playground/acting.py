"""Draw a person who performs an action: the pose, and the props of the action."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from actret_core.data.playground import animals, objects
from actret_core.data.playground.figures import Pose, draw_person
from actret_core.data.playground.looks import random_look
from actret_core.data.playground.pen import Box, Pen, Point
from actret_core.data.playground.poses import shift


@dataclass(frozen=True)
class Thing:
    """An object in the picture: COCO category and true box, xyxy in pixels. Only the simulated detector sees it."""

    category: int
    box: Box


class Stage:
    """The place of one actor: the pen, the pose, the random numbers for props, and the things drawn so far."""

    def __init__(self, pen: Pen, pose: Pose, rng: Random) -> None:
        self.pen, self.pose, self.rng = pen, pose, rng
        self.things: list[Thing] = []

    def put(
        self, draw: Callable[[Pen, Random], None], at: Point, category: int | None, flip: bool = False,
        scale: float = 1.0, line: Pen | None = None,
    ) -> None:
        """Draw an object at `at`, in units of the actor's pen, and add it to the things.

        category: COCO category, None for an object that no detector knows; line: included in the object's box.
        """
        pen = self.pen.child(at, scale, flip)
        draw(pen, self.rng)
        if line:
            pen.include(line)
        if category is not None:
            self.things.append(Thing(category, pen.box))

    def line(self, end: Point, sag: float) -> Pen:
        """Draw a leash, a string or reins from the near hand to `end`.

        It starts at the shoulder, hidden under the arm, so that the box of a thing on a line includes that arm.
        """
        pen = self.pen.child((0.0, 0.0))
        objects.draw_line(pen, self.pose.shoulder, self.pose.hand_near, 0.0)
        objects.draw_line(pen, self.pose.hand_near, end, sag)
        return pen


Prop = Callable[[Stage], None]
LARGE = 1.4  # scale of objects that are held in a hand: at true size, they would be invisible in 160 pixels


def cup(stage: Stage) -> None:
    """A cup in front of the mouth."""
    stage.put(objects.draw_cup, shift(stage.pose.head, 14.0, -3.5), 47, scale=LARGE)


def phone(stage: Stage) -> None:
    """A telephone between ear and hand."""
    stage.put(objects.draw_phone, shift(stage.pose.head, -0.5, 0.5), 77, scale=LARGE)


def toothbrush(stage: Stage) -> None:
    """A toothbrush in the mouth."""
    stage.put(objects.draw_toothbrush, shift(stage.pose.head, 7.0, -4.8), 90, scale=LARGE)


def bike_below(stage: Stage) -> None:
    """A bike under the rider."""
    stage.put(objects.draw_bike, (0.0, 0.0), 2)


def bike_ahead(stage: Stage) -> None:
    """A bike in front of the person who fixes it."""
    stage.put(objects.draw_bike, (20.0, 0.0), 2)


def wrench(stage: Stage) -> None:
    """A wrench in the near hand."""
    stage.put(objects.draw_wrench, stage.pose.hand_near, None, scale=LARGE)


def horse_below(stage: Stage) -> None:
    """A horse under the rider, with reins."""
    stage.put(animals.draw_horse, (0.0, 0.0), 19)
    stage.line((46.5, 77.0), 3.0)


def horse_ahead(stage: Stage) -> None:
    """A horse facing the person who feeds it."""
    stage.put(animals.draw_horse, (24.0, 0.0), 19, flip=True)


def carrot(stage: Stage) -> None:
    """A carrot in the near hand."""
    stage.put(objects.draw_carrot, stage.pose.hand_near, 57, scale=LARGE)


def dog_on_leash(stage: Stage) -> None:
    """A dog ahead, at the end of a long leash."""
    at = (stage.rng.uniform(68.0, 74.0), 0.0)
    stage.put(animals.draw_dog, at, 18, line=stage.line(shift(at, *animals.DOG_COLLAR), 3.0))


def kite_on_string(stage: Stage) -> None:
    """A kite ahead and above, at the end of its string."""
    at = (stage.rng.uniform(66.0, 74.0), stage.rng.uniform(122.0, 134.0))
    stage.put(objects.draw_kite, at, 38, line=stage.line(shift(at, 1.0, 2.0), 5.0))


def perform(
    pen: Pen, key: str, pose: Callable[[Random], Pose], behind: Prop | None, held: Prop | None
) -> list[Thing]:
    """Draw one person with the props of an action and return the things drawn; `pen.box` is then the person's box.

    Pose, look and props have separate random numbers, seeded by `key`: with the same key, two actions of one pose
    differ in props only.
    """
    rng = {part: Random(f"{key}-{part}") for part in ("pose", "look", "props")}
    stage = Stage(pen, pose(rng["pose"]), rng["props"])
    hooks = [(lambda prop=prop: prop(stage)) if prop else None for prop in (behind, held)]
    draw_person(pen, stage.pose, random_look(rng["look"]), *hooks)
    return stage.things
