"""JPoSE (Wray et al. 2019): a space for verbs, one for nouns, and one for both. MMEN, its baseline, has one space."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from actret_core.config import require
from actret_core.text.config import JposeConfig, MmenConfig, SpaceConfig
from actret_core.text.heads import EmbeddingHead, WordAverage
from actret_core.text.losses import CrossModalTriplets, join

PARTS = ("verb", "noun")


class Pair(NamedTuple):
    """The same items in one space: `text` and `visual` [B, d], at unit length."""

    text: Tensor
    visual: Tensor


class TextModel(nn.Module):
    """What both models share: `forward` of a batch gives a Pair for each space; the last one is used for search.

    visual [B, D]; verb_words and noun_words int [B, W], numbers of a Vocabulary, 0 for none.
    """

    inputs = ("visual", "verb_words", "noun_words")

    def __init__(self, config: SpaceConfig, table: np.ndarray) -> None:
        super().__init__()
        wanted = f"{list(table.shape)}, the shape of the table of word vectors"
        require(table.shape == (config.words, config.word_dim), "words", [config.words, config.word_dim], wanted)
        self.config, self.words = config, WordAverage(table, config.learn_words)
        self.triplets = CrossModalTriplets(config)

    def texts(self, verb_words: Tensor, noun_words: Tensor) -> dict[str, Tensor]:
        """The phrases in each space, [B, d] at unit length."""
        raise NotImplementedError

    def visuals(self, visual: Tensor) -> dict[str, Tensor]:
        """The visual features in each space, [B, d] at unit length."""
        raise NotImplementedError

    def forward(self, visual: Tensor, verb_words: Tensor, noun_words: Tensor) -> dict[str, Pair]:
        texts, visuals = self.texts(verb_words, noun_words), self.visuals(visual)
        return {space: Pair(texts[space], visuals[space]) for space in texts}


class Jpose(TextModel):
    """A head for each part of speech and modality, and the joint space on top.

    A part without words is zero in the joined text, so that it has no influence on the similarity to any visual.
    """

    def __init__(self, config: JposeConfig, table: np.ndarray) -> None:
        super().__init__(config, table)
        self.text = nn.ModuleDict({part: EmbeddingHead(config.word_dim, config.dim) for part in PARTS})
        self.visual = nn.ModuleDict({part: EmbeddingHead(config.visual_dim, config.dim) for part in PARTS})
        joined = ("text", "visual") if config.join == "learned" else ()
        self.last = nn.ModuleDict({modality: nn.Linear(2 * config.dim, config.dim) for modality in joined})

    def texts(self, verb_words: Tensor, noun_words: Tensor) -> dict[str, Tensor]:
        words = dict(zip(PARTS, (verb_words, noun_words), strict=True))
        texts = {p: self.text[p](self.words(w)) * (w > 0).any(1, keepdim=True) for p, w in words.items()}
        return texts | {"action": self._joint(texts, "text")}

    def visuals(self, visual: Tensor) -> dict[str, Tensor]:
        visuals = {part: self.visual[part](visual) for part in PARTS}
        return visuals | {"action": self._joint(visuals, "visual")}

    def _joint(self, parts: dict[str, Tensor], modality: str) -> Tensor:
        joined = join(*parts.values())
        return join(self.last[modality](joined)) if self.last else joined

    def loss(self, spaces: dict[str, Pair], target: Tensor) -> Tensor:
        """The PoS-aware losses of verb and noun, plus the PoS-agnostic one.

        target int [B, 3]: verb, noun and action; -1 for none.
        """
        weights = {"verb": self.config.parts, "noun": self.config.parts, "action": self.config.action}
        columns = dict(zip(weights, target.unbind(1), strict=True))
        return torch.stack([w * self.triplets(*spaces[s], columns[s]) for s, w in weights.items() if w]).sum()


class Mmen(TextModel):
    """One head for each modality; its loss knows which captions are the same, but not their verbs and nouns."""

    def __init__(self, config: MmenConfig, table: np.ndarray) -> None:
        super().__init__(config, table)
        self.text = EmbeddingHead(config.word_dim * (1 + (config.text == "parts")), config.dim)
        self.visual = EmbeddingHead(config.visual_dim, config.dim)

    def texts(self, verb_words: Tensor, noun_words: Tensor) -> dict[str, Tensor]:
        if self.config.text == "caption":
            return {"action": self.text(self.words(torch.cat([verb_words, noun_words], 1)))}
        return {"action": self.text(torch.cat([self.words(verb_words), self.words(noun_words)], 1))}

    def visuals(self, visual: Tensor) -> dict[str, Tensor]:
        return {"action": self.visual(visual)}

    def loss(self, spaces: dict[str, Pair], target: Tensor) -> Tensor:
        """The PoS-agnostic loss alone: target int [B, 3], of which only the last column, the action, is read."""
        return self.triplets(*spaces["action"], target[:, 2])


MODELS = {"jpose": (JposeConfig, Jpose), "mmen": (MmenConfig, Mmen)}
