"""The study as records: each variant and seed one file, with a score for every held-out action."""

import hashlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from actret_core.compositions import study
from actret_core.compositions.visuals import HELD_OUT, Visuals, bystanders, check_held_out, embed_without, phrases_of
from actret_core.data.tokens import FrozenTokens
from actret_core.results import RunRecord, provenance

Scores = dict[str, dict[str, float]]


def record_study(
    dataset: str, frozen: FrozenTokens, preset: study.TextPreset, seed: int, results: Path,
    say: Callable[[str], None] = print,
) -> list[RunRecord]:
    """Make all runs of one seed that are not recorded yet below `results`, and record them.

    For each held-out action the fusion transformer is trained once and shared by all variants. "prototype" needs no text:
    its `seen` scores come from a visual model and a prototype that do know the action, which no other run does.
    """
    preset = study.with_seed(preset, seed)
    wanted = [name for name in (*study.VARIANTS, "prototype") if not _path(dataset, preset, name, seed, results).exists()]
    scores: dict[str, Scores] = {name: {} for name in wanted}
    seconds, epochs = dict.fromkeys(wanted, 0.0), preset.train.epochs
    for held, visuals in visuals_without(dataset, frozen, preset) if wanted else ():
        for name in wanted:
            start = time.perf_counter()
            scores[name][held] = _run(visuals, name, held, preset)
            seconds[name] += time.perf_counter() - start
            say(f"{dataset} seed {seed}: {name} without {held}: mAP {scores[name][held]['mAP']:.1f}")
    if "prototype" in wanted:
        scores["prototype"] |= {"seen": _upper_bound(dataset, frozen, preset)}
    records = []
    for name in wanted:
        method, variant = _names(name)
        metrics = _metrics(scores[name])
        config = study.as_config(preset, name if name in study.VARIANTS else None)
        records.append(RunRecord(
            dataset, method, preset.tier, seed, metrics=metrics, config=config, epochs=epochs if name in study.VARIANTS else 0,
            wall_seconds=round(seconds[name], 1), **provenance(), dataset_fingerprint=_fingerprint(frozen), variant=variant,
        ))
        records[-1].write(results)
    return records


def visuals_without(
    dataset: str, frozen: FrozenTokens, preset: study.TextPreset, held_out: tuple[str, ...] | None = None
) -> Iterator[tuple[str, Visuals]]:
    """Each held-out action of the data set, with the embeddings of a model that never saw it.

    On the playground, where it is known what everybody in a picture does, pictures with a bystander who performs the
    action are not learned from either.
    """
    actions = tuple(frozen.actions.tolist())
    phrases = phrases_of(dataset, actions)
    for held in held_out or HELD_OUT[dataset]:
        check_held_out(held, actions, phrases)
        hidden = bystanders(frozen, held) if dataset == "playground" else ()
        features, train = embed_without(frozen, held, preset.visual, hidden)
        yield held, Visuals(features, frozen.labels.astype(np.int64), train, ~frozen.train, actions, phrases)


def _run(visuals: Visuals, name: str, held: str, preset: study.TextPreset) -> dict[str, float]:
    if name == "prototype":
        similarity = study.prototype_similarity(visuals, study.composed_prototypes(visuals, held))
    else:
        similarity = study.text_similarity(*study.train_text(visuals, name, preset), visuals)
    return study.compare_with_all(visuals, similarity, held)


def _upper_bound(dataset: str, frozen: FrozenTokens, preset: study.TextPreset) -> Scores:
    """The class prototype with everything seen, for every held-out action."""
    actions = tuple(frozen.actions.tolist())
    features, train = embed_without(frozen, None, preset.visual)
    visuals = Visuals(features, frozen.labels.astype(np.int64), train, ~frozen.train, actions, phrases_of(dataset, actions))
    similarity = study.prototype_similarity(visuals, study.prototypes(visuals))
    return {held: study.compare_with_all(visuals, similarity, held) for held in HELD_OUT[dataset]}


def _metrics(scores: dict) -> dict:
    """The mean over the held-out actions of each score, and all of them one by one."""
    seen = scores.pop("seen", None)
    out = _mean(scores) | {"held_out": scores}
    return out if seen is None else out | {"seen": _mean(seen) | {"held_out": seen}}


def _mean(scores: Scores) -> dict[str, float]:
    names = next(iter(scores.values()))
    return {name: round(float(np.mean([s[name] for s in scores.values()])), 4) for name in names}


def _names(name: str) -> tuple[str, str]:
    method, _, variant = name.partition("-")
    return method, variant


def _path(dataset: str, preset: study.TextPreset, name: str, seed: int, results: Path) -> Path:
    method, variant = _names(name)
    return results / dataset / f"{'-'.join(filter(None, (method, variant, preset.tier, f'seed{seed}')))}.json"


def _fingerprint(frozen: FrozenTokens) -> dict:
    names = "\n".join([*sorted(frozen.ids[frozen.train].tolist()), "evaluation", *sorted(frozen.ids[~frozen.train].tolist())])
    return {"images": len(frozen.ids), "splits_sha256": hashlib.sha256(f"train\n{names}".encode()).hexdigest()}
