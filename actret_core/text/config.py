"""All settings of the text models, those that the paper leaves open included."""

from typing import Literal

from actret_core.config import NonNegativeFloat, PositiveFloat, PositiveInt, config_class, require


@config_class
class SpaceConfig:
    """What JPoSE and MMEN share. A default is the ICCV paper's where it is named, else ours (see "Open choices").

    The weights of the four losses name the anchor first: t is text, v is visual.
    """

    visual_dim: PositiveInt          # width of the visual features
    words: PositiveInt               # rows of the table of word vectors
    word_dim: PositiveInt = 64       # width of the table (ours)
    learn_words: bool = True         # whether the vectors of known words learn; False for pretrained ones (ours)
    dim: PositiveInt = 256           # width of each space (ICCV paper)
    margin: PositiveFloat = 0.1      # of the hinge, on squared distances of unit vectors (ICCV paper)
    tt: NonNegativeFloat = 0.1       # weight of the loss from text to text (ICCV paper)
    tv: NonNegativeFloat = 1.0       # weight of the loss from text to visual (ICCV paper)
    vt: NonNegativeFloat = 1.0       # weight of the loss from visual to text (ICCV paper)
    vv: NonNegativeFloat = 0.1       # weight of the loss from visual to visual (ICCV paper)
    triplets: PositiveInt = 10       # drawn for each anchor of a batch (authors' later code)

    def __post_init__(self) -> None:
        require(self.tv + self.vt > 0, "tv", self.tv, "above zero, or vt: text and visual must meet in a loss")


@config_class
class JposeConfig(SpaceConfig):
    """JPoSE: a space for verbs, one for nouns, and a last one that joins them."""

    join: Literal["learned", "concat"] = "learned"  # f-hat, g-hat (ICCV paper), or side by side (later code)
    parts: NonNegativeFloat = 1.0    # weight of the losses in the spaces of verb and noun (all losses weigh alike)
    action: NonNegativeFloat = 1.0   # weight of the loss in the last space (all losses weigh alike)

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.parts + self.action > 0, "action", self.action, "above zero, or parts: nothing would be learned")
        trained = self.join == "concat" or self.action > 0
        require(trained, "action", self.action, "above zero for join='learned', whose last space only that loss trains")


@config_class
class MmenConfig(SpaceConfig):
    """MMEN: one space."""

    text: Literal["caption", "parts"] = "caption"  # the mean of all words, or of verb and of nouns side by side (ours)
