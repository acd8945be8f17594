"""One run of a study: train a text model without some actions, then find them by their phrases."""

from dataclasses import replace

import numpy as np

from actret_core.retrieval.embeddings import unit_vectors
from actret_core.text.compositions.visuals import Visuals
from actret_core.text.crossmodal import Parts, parts_of, relevance, score
from actret_core.text.model import TextModel
from actret_core.text.query import embed_texts, embed_visuals
from actret_core.text.train import Captioned, TextPreset, train_captioned
from actret_core.text.vocabulary import Vocabulary, vocabulary_of


def train_text(visuals: Visuals, variant: str, preset: TextPreset) -> tuple[TextModel, Vocabulary]:
    """Train one of VARIANTS on the training images and the phrases of their actions."""
    phrases = tuple(visuals.phrases[label] for label in visuals.labels[visuals.train])
    vocabulary, seen = vocabulary_of(phrases), Captioned(visuals.features[visuals.train], phrases)
    model, _ = train_captioned(seen, variant, preset, vocabulary)
    return model, vocabulary


def text_similarity(model: TextModel, vocabulary: Vocabulary, visuals: Visuals) -> np.ndarray:
    """The cosine of every action's phrase with every test image, [actions, test images]."""
    return embed_texts(model, vocabulary, visuals.phrases) @ embed_visuals(model, visuals.features[visuals.test]).T


def score_held_out(visuals: Visuals, similarity: np.ndarray, held: str) -> dict[str, float]:
    """How well the held-out action is found, in percent, by similarity [actions, test images] of phrases or prototypes.

    mAP, nDCG: the held-out phrase is the query for images. image_mAP, image_rank1: the images of the held-out action
    are the queries for phrases. all_mAP: the mean AP over the phrases of all actions.
    """
    row, labels = visuals.actions.index(held), visuals.labels[visuals.test]
    actions = action_parts(visuals)
    relevant = relevance(actions, actions[labels])
    texts, images, mine = score(similarity, relevant), score(similarity.T, relevant.T), labels == row
    first = similarity.T[mine].argmax(1) == row
    found = {
        "mAP": texts.ap[row], "nDCG": texts.ndcg[row], "image_mAP": images.ap[mine].mean(),
        "image_rank1": first.mean(), "all_mAP": texts.mAP,
    }
    return {name: round(100 * float(value), 4) for name, value in found.items()}


def action_parts(visuals: Visuals) -> Parts:
    """The verb and the nouns of every action, as classes."""
    verbs = {p.verb: i for i, p in enumerate(visuals.phrases)}
    nouns = {noun: i for i, noun in enumerate(dict.fromkeys(n for p in visuals.phrases for n in p.nouns))}
    return parts_of(visuals.phrases, verbs, nouns)


def prototypes(visuals: Visuals) -> np.ndarray:
    """The mean unit vector of the training images of each action, [actions, D]; zero where there are none."""
    units = unit_vectors(visuals.features)
    means = [units[visuals.train & (visuals.labels == label)] for label in range(len(visuals.actions))]
    return np.stack([rows.mean(0) if len(rows) else np.zeros(units.shape[1]) for rows in means])


def prototype_similarity(visuals: Visuals, known: np.ndarray) -> np.ndarray:
    """The cosine of prototypes [actions, D] with every test image."""
    lengths = np.linalg.norm(known, axis=1, keepdims=True).clip(1e-12)
    return known / lengths @ unit_vectors(visuals.features)[visuals.test].T


def composed_prototypes(visuals: Visuals) -> np.ndarray:
    """The prototypes [actions, D], with one for each action without training images, composed from the others.

    It is the mean of two means: of the prototypes of seen actions that share its verb, and of those that share a noun.
    This is a baseline without a text model.
    """
    known, out = prototypes(visuals), prototypes(visuals)
    seen = [i for i in range(len(known)) if known[i].any()]
    for row in set(range(len(known))) - set(seen):
        mine = visuals.phrases[row]
        verbs = [i for i in seen if visuals.phrases[i].verb == mine.verb]
        nouns = [i for i in seen if set(visuals.phrases[i].nouns) & set(mine.nouns)]
        out[row] = (known[verbs].mean(0) + known[nouns].mean(0)) / 2
    return out


def with_seed(preset: TextPreset, seed: int) -> TextPreset:
    """The preset with this seed in all its trainings."""
    visual = preset.visual and replace(preset.visual, train=replace(preset.visual.train, seed=seed))
    return replace(preset, visual=visual, train=replace(preset.train, seed=seed))
