"""The twelve actions, each a combination of pose, objects and setting; within a group, they differ in one of these."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from actret_core.data.playground import acting, poses
from actret_core.data.playground.figures import Pose


@dataclass(frozen=True)
class Action:
    """The parts of an action.

    name, verb, noun, caption: its texts; group: name of the group of actions that are easily confused with it; pose:
    draws a random pose; reach: how far it extends behind and in front of the person's origin, in body units (a person
    is 100 tall), the same for all actions of one pose; behind, held: props drawn between the far limbs and the body,
    and just before the near arm; setting: the only setting of the action, None for any.
    """

    name: str
    verb: str
    noun: str
    caption: str
    group: str
    pose: Callable[[Random], Pose]
    reach: tuple[float, float]
    behind: acting.Prop | None = None
    held: acting.Prop | None = None
    setting: str | None = None


_HEAD, _ARM, _WALK = (18.0, 24.0), (18.0, 92.0), (20.0, 22.0)

ACTIONS = {action.name: action for action in (
    Action("brushing_teeth", "brush", "teeth", "a person brushes their teeth", "object at the head",
           poses.hand_at_head, _HEAD, held=acting.toothbrush),
    Action("drinking", "drink", "cup", "a person drinks from a cup", "object at the head",
           poses.hand_at_head, _HEAD, held=acting.cup),
    Action("feeding_a_horse", "feed", "horse", "a person feeds a horse", "relation to a horse",
           poses.facing_horse, (74.0, 66.0), behind=acting.horse_ahead, held=acting.carrot),
    Action("fixing_a_bike", "fix", "bike", "a person fixes a bike", "relation to a bike",
           poses.beside_bike, (52.0, 66.0), behind=acting.bike_ahead, held=acting.wrench),
    Action("flying_a_kite", "fly", "kite", "a person flies a kite", "object at arm's length",
           poses.arm_forward, _ARM, held=acting.kite_on_string),
    Action("hiking", "hike", "mountain", "a person hikes in the mountains", "setting",
           poses.walking, _WALK, setting="mountain"),
    Action("phoning", "call", "phone", "a person calls on the phone", "object at the head",
           poses.hand_at_head, _HEAD, held=acting.phone),
    Action("riding_a_bike", "ride", "bike", "a person rides a bike", "relation to a bike",
           poses.on_bike, (47.0, 47.0), behind=acting.bike_below),
    Action("riding_a_horse", "ride", "horse", "a person rides a horse", "relation to a horse",
           poses.on_horse, (44.0, 58.0), behind=acting.horse_below),
    Action("strolling_in_the_city", "stroll", "city", "a person strolls in the city", "setting",
           poses.walking, _WALK, setting="city"),
    Action("walking_a_dog", "walk", "dog", "a person walks a dog", "object at arm's length",
           poses.arm_forward, _ARM, held=acting.dog_on_leash),
    Action("walking_on_the_beach", "walk", "beach", "a person walks on the beach", "setting",
           poses.walking, _WALK, setting="beach"),
)}

PLAYGROUND_ACTIONS: tuple[str, ...] = tuple(ACTIONS)
PLAYGROUND_CAPTIONS: dict[str, tuple[str, str]] = {a.name: (a.verb, a.noun) for a in ACTIONS.values()}
