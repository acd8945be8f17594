"""Every choice of the text models, those that the paper leaves open included."""

from dataclasses import dataclass

from actret_core.config import require, require_at_least


@dataclass(frozen=True)
class SpaceConfig:
    """What JPoSE and MMEN share. The defaults are the ICCV paper's, or our answer where it is silent ("Open choices").

    visual_dim: width of the visual features. words, word_dim: rows and width of the table of word vectors.
    learn_words: whether the vectors of known words learn; False for pretrained ones. dim: width of each space.
    margin: of the hinge, on squared distances of unit vectors. tt, tv, vt, vv: weights of the four losses, anchor
    first: t for text, v for visual. triplets: drawn for each anchor of a batch.
    """

    visual_dim: int
    words: int
    word_dim: int = 64
    learn_words: bool = True
    dim: int = 256
    margin: float = 0.1
    tt: float = 0.1
    tv: float = 1.0
    vt: float = 1.0
    vv: float = 0.1
    triplets: int = 10

    def __post_init__(self) -> None:
        require_at_least(1, self, "visual_dim", "words", "word_dim", "dim", "triplets")
        require(self.margin > 0, "margin", self.margin, "a positive number")
        require_at_least(0, self, "tt", "tv", "vt", "vv")
        require(self.tv + self.vt > 0, "tv", self.tv, "above zero, or vt: text and visual must meet in a loss")


@dataclass(frozen=True)
class JposeConfig(SpaceConfig):
    """JPoSE. join: "learned" maps the joined parts to a last space (f-hat and g-hat of the ICCV paper), "concat" takes
    them as they are (its later code). parts, action: weights of the losses in the spaces of verb and noun, and in the
    last one."""

    join: str = "learned"
    parts: float = 1.0
    action: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.join in ("learned", "concat"), "join", self.join, "'learned' or 'concat'")
        require_at_least(0, self, "parts", "action")
        require(self.parts + self.action > 0, "action", self.action, "above zero, or parts: nothing would be learned")
        trained = self.join == "concat" or self.action > 0
        require(trained, "action", self.action, "above zero for join='learned', whose last space only that loss trains")


@dataclass(frozen=True)
class MmenConfig(SpaceConfig):
    """MMEN: one space. text: "caption" averages all words, "parts" joins the averages of verb and nouns."""

    text: str = "caption"

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.text in ("caption", "parts"), "text", self.text, "'caption' or 'parts'")
