"""What a person looks like: random, and independent of the action."""

from dataclasses import dataclass
from random import Random

from actret_core.data.playground import palette
from actret_core.data.playground.pen import Color

HAIRSTYLES = ("short", "long", "bun", "tail", "curly", "cap", "bald")


@dataclass(frozen=True)
class Look:
    """What a person looks like."""

    skin: Color
    hair: Color
    hairstyle: str
    shirt: Color
    accent: Color
    trousers: Color
    shoes: Color
    short_sleeves: bool
    shorts: bool
    pattern: str
    backpack: bool
    beard: bool


def random_look(rng: Random) -> Look:
    """A random look."""
    shirt, accent = rng.sample(palette.CLOTHES, 2)
    hairstyle = rng.choice(HAIRSTYLES)
    return Look(
        skin=rng.choice(palette.SKIN),
        hair=rng.choice(palette.HAIR),
        hairstyle=hairstyle,
        shirt=shirt,
        accent=accent,
        trousers=rng.choice(palette.TROUSERS),
        shoes=rng.choice(palette.SHOES),
        short_sleeves=rng.random() < 0.5,
        shorts=rng.random() < 0.25,
        pattern=rng.choice(("plain", "plain", "stripes", "jacket")),
        backpack=rng.random() < 0.2,
        beard=hairstyle in ("short", "cap", "bald") and rng.random() < 0.4,
    )
