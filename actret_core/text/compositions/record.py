"""Record a study: one file for each variant and seed, with the scores of every held-out action."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from actret_core.data.tokens import FrozenTokens
from actret_core.experiments.record import RunRecord, fingerprint
from actret_core.text.compositions import study as runs
from actret_core.text.compositions.folds import Study
from actret_core.text.compositions.visuals import embed_without
from actret_core.text.train import VARIANTS, TextPreset, as_config

Scores = dict[str, dict[str, float]]


def record_study(
    study: Study, preset: TextPreset, seed: int, results: Path, say: Callable[[str], None] = print
) -> list[RunRecord]:
    """Train, score and record the runs of one seed that are not in `results` yet.

    The scores under `seen` are an upper bound: those of the same model trained on the held-out actions too. For
    "prototype", which needs no text, they are those of each action's own prototype, by a fusion transformer trained on
    all actions. `say` takes a line on each run.
    """
    preset, records = runs.with_seed(preset, seed), []
    for name in (*VARIANTS, "prototype"):
        empty = _record(study, preset, name, {}, 0.0)
        if empty.path(results).exists():
            continue
        start = time.perf_counter()
        metrics = _measure(study, preset, name)
        records.append(_record(study, preset, name, metrics, time.perf_counter() - start))
        say(f"{study.dataset}/{records[-1].stem}: mAP {metrics['mAP']:.1f}")
        records[-1].write(results)
    return records


def _measure(study: Study, preset: TextPreset, name: str) -> dict:
    """The mean scores over the held-out actions, those of each, and both for a model that has seen these actions."""
    unseen = {held: scores for fold in study.folds for held, scores in _run(study, preset, name, fold).items()}
    held_out = tuple(held for fold in study.folds for held in fold)
    metrics = _mean(unseen) | {"held_out": unseen}
    if all((study.tokens.labels[study.tokens.train] == study.actions.index(held)).any() for held in held_out):
        seen = _run(study, preset, name, (), held_out)
        metrics["seen"] = _mean(seen) | {"held_out": seen}
    return metrics


def _run(
    study: Study, preset: TextPreset, name: str, fold: tuple[str, ...], asked: tuple[str, ...] = ()
) -> Scores:
    """Train without the fold, and score the actions that it holds out, or those `asked` for."""
    visuals = study.visuals(fold)
    if name != "prototype":
        similarity = runs.text_similarity(*runs.train_text(visuals, name, preset), visuals)
    elif fold:
        similarity = runs.prototype_similarity(visuals, runs.composed_prototypes(visuals))
    else:
        visuals = replace(visuals, features=embed_without(study.tokens, None, preset.visual))
        similarity = runs.prototype_similarity(visuals, runs.prototypes(visuals))
    return {held: runs.score_held_out(visuals, similarity, held) for held in asked or fold}


def _mean(scores: Scores) -> dict[str, float]:
    names = next(iter(scores.values()))
    return {name: round(float(np.mean([s[name] for s in scores.values()])), 4) for name in names}


def _record(study: Study, preset: TextPreset, name: str, metrics: dict, seconds: float) -> RunRecord:
    method, _, variant = name.partition("-")
    if name in VARIANTS:
        config, epochs = as_config(preset, name), preset.train.epochs
    else:
        config, epochs = {"visual": preset.visual.as_config()}, preset.visual.train.epochs
    return RunRecord.made_now(
        dataset=study.dataset, method=method, tier=preset.tier, seed=preset.train.seed, metrics=metrics, config=config,
        epochs=epochs, wall_seconds=seconds, dataset_fingerprint=_fingerprint(study.tokens),
        variant="-".join(filter(None, (study.name, variant))),
    )


def _fingerprint(frozen: FrozenTokens) -> dict:
    return fingerprint(len(frozen.ids), frozen.ids[frozen.train].tolist(), frozen.ids[~frozen.train].tolist())
