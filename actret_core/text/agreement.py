"""How often a parser agrees with the verb and noun columns of a data set."""

import hashlib
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from actret_core.errors import TextError
from actret_core.experiments.record import RunRecord, provenance
from actret_core.text import epic_kitchens as epic
from actret_core.text.epic_kitchens import Classes, Narration
from actret_core.text.parsing import parse
from actret_core.text.phrase import Phrase
from actret_core.text.tagging import load_tagger, tag


def agreement(
    narrations: Sequence[Narration], verbs: Classes, nouns: Classes, parser: Callable[[str], Phrase]
) -> dict[str, float]:
    """Shares in percent of the narrations, each over all of them; a caption that cannot be parsed agrees in nothing.

    verb: the same with its particle; base_verb: without it; verb_class: the same class, found by the parsed word.
    nouns: the same set, with all that stands before the heads; noun_heads: the same set of heads; noun_classes: the
    same set of classes. noun_class_iou: mean intersection over union of the two sets of classes. parsed: a verb was
    found.
    """
    scores = [_compare(narration, _try(parser, narration.text), verbs, nouns) for narration in narrations]
    if not scores:
        raise TextError("agreement: no narrations; name a file that holds some")
    return {name: round(100 * float(np.mean([s[name] for s in scores])), 2) for name in scores[0]}


def agreement_record(folder: Path, spacy: str | None = None) -> RunRecord:
    """How the rule, or a spaCy model, agrees with EPIC-Kitchens-100; `folder` holds its retrieval CSV files.

    Raises DataError for files that cannot be read, TextError for a model that cannot be loaded.
    """
    tagger, start = load_tagger(spacy) if spacy else None, time.perf_counter()
    verbs, nouns = (epic.read_classes(folder / name) for name in (epic.VERBS, epic.NOUNS))
    files = {"train": epic.TRAIN_SENTENCES, "test": epic.TEST_CLIPS}
    metrics, digest = {}, hashlib.sha256()
    for split, name in files.items():
        narrations = epic.read_narrations(folder / name, verbs, nouns)
        found = agreement(narrations, verbs, nouns, (lambda text: tag(text, tagger)) if tagger else parse)
        metrics[split] = found | {"narrations": len(narrations)}
        digest.update((folder / name).read_bytes())
    return RunRecord(
        "epic_kitchens", "parsing", "full", 0, metrics=metrics, config={"parser": spacy or "rule"}, epochs=0,
        wall_seconds=round(time.perf_counter() - start, 1), **provenance(),
        dataset_fingerprint={"files": list(files.values()), "sha256": digest.hexdigest()},
        variant="spacy" if spacy else "",
    )


def _try(parser: Callable[[str], Phrase], text: str) -> Phrase | None:
    try:
        return parser(text)
    except TextError:
        return None


def _compare(true: Narration, found: Phrase | None, verbs: Classes, nouns: Classes) -> dict[str, float]:
    said = found or Phrase("")
    classes, official = {nouns.of(noun) for noun in said.nouns}, set(true.noun_classes)
    return {
        "parsed": found is not None,
        "verb": said.verb == true.phrase.verb,
        "base_verb": said.base_verb == true.phrase.base_verb,
        "verb_class": found is not None and verbs.of(said.verb) == true.verb_class,
        "nouns": found is not None and set(said.nouns) == set(true.phrase.nouns),
        "noun_heads": found is not None and set(said.heads) == set(true.phrase.heads),
        "noun_classes": classes == official,
        "noun_class_iou": len(classes & official) / max(len(classes | official), 1),
    }
