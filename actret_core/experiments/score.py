"""From a trained model to its record: embed, score, compress, write."""

import hashlib
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from actret_core.experiments.action_data import ActionData
from actret_core.config import require
from actret_core.data.sample import ActionSplit
from actret_core.training.embed import to_embeddings
from actret_core.models.methods import method_of
from actret_core.distributed import first_alone, from_first, rank
from actret_core.experiments.presets import Preset
from actret_core.experiments.record import RunRecord, provenance
from actret_core.retrieval import (
    Embeddings, bootstrap_interval, compress, evaluate, k_reciprocal_rerank, recognition_map,
)
from actret_core.training.embed import Embedded, embed
from actret_core.training.fit import FitResult
from actret_core.training.pairs import resort


def assess(embeddings: Embeddings, k1: int = 200, k2: int = 20, lambda_: float = 0.3) -> dict[str, Any]:
    """The retrieval metrics of a record, in percent: plain with an interval, and re-ranked in both variants."""
    plain = evaluate(embeddings)
    metrics = plain.as_percent()
    metrics["mAP_ci95"] = [round(100 * v, 4) for v in bootstrap_interval(plain.per_query)]
    for key, variant in (("reranked", "concatenated"), ("reranked_single", "single")):
        distances = k_reciprocal_rerank(embeddings.features, k1=k1, k2=k2, lambda_=lambda_, variant=variant)
        scores = evaluate(embeddings, distances=distances).as_percent()
        metrics[key] = scores | {"variant": variant, "k1": k1, "k2": k2, "lambda": lambda_}
    return metrics


def record_run(
    data: ActionData, preset: Preset, model: nn.Module, result: FitResult, results: Path,
    variant: str = "", dim: int = 256,
) -> RunRecord:
    """Embed both splits, score them, and write the record, the small test embeddings and the logits below `results`.

    `metrics` are those of the small files (a PCA fitted on the training set, float16), so that anyone can compute them;
    `metrics_full_dim` are those of the model's own features; for the Reranking Transformer, `resorted` are those of
    their ranking with its best places sorted anew. `parts_of_a_batch` are the sizes in which batches went on where
    memory ran out. Several processes share the embedding; the first one scores and writes. Raises ConfigError unless
    `dim` is 1 or more.
    """
    require(dim >= 1, "dim", dim, "at least 1")
    train, test = (embed_split(data, preset, model, split) for split in (data.train, data.evaluation))
    own, ranking = to_embeddings(data.evaluation, test.features), None
    if preset.pairs:
        ranking = resort(model, data.dataset(data.evaluation, preset.model), own, preset.train.precision)
    small = replace(own, features=compress(train.features, test.features, dim))
    logits = replace(own, features=test.logits.astype(np.float16))
    record = None
    with first_alone():
        if not rank():
            extra = _beside(preset, result, own, _recognition(test.logits, data), ranking)
            record = _record(data, preset, result, assess(small) | _recognition(logits.features, data), extra, variant)
            small.save(record.embeddings_path(results))
            logits.save(record.logits_path(results))
            record.write(results)
    return from_first(record)


def _record(
    data: ActionData, preset: Preset, result: FitResult, metrics: dict[str, Any], extra: dict[str, Any], variant: str
) -> RunRecord:
    config = {"model": asdict(preset.model), "train": asdict(preset.train)}
    if preset.pairs:
        config["pairs"] = asdict(preset.pairs)
    return RunRecord(
        data.train.dataset, method_of(preset.model), preset.tier, preset.train.seed, metrics, config,
        epochs=result.epochs, wall_seconds=round(result.wall_seconds, 1), **provenance(),
        dataset_fingerprint=fingerprint(data), variant=variant, extra=extra,
    )


def embed_split(data: ActionData, preset: Preset, model: nn.Module, split: ActionSplit) -> Embedded:
    """The features and logits of a split; with `flip_test`, their mean with those of the mirrored photographs."""
    views = [data.dataset(split, preset.model)]
    if preset.model.flip_test:
        views.append(data.mirrored(split, preset.model))
    found = [embed(model, view, 64, preset.train.workers, preset.train.precision) for view in views]
    return Embedded(*(sum(parts) / len(views) for parts in zip(*found, strict=True)))


def _recognition(logits: np.ndarray, data: ActionData) -> dict[str, float]:
    return {"recognition_mAP": round(100 * recognition_map(logits, data.evaluation.targets), 4)}


def _beside(
    preset: Preset, result: FitResult, own: Embeddings, recognition: dict[str, float], ranking: np.ndarray | None
) -> dict[str, Any]:
    """What else a record says."""
    extra = {"train_loss": list(result.losses), "metrics_full_dim": assess(own) | recognition}
    if result.halved:
        extra["parts_of_a_batch"] = list(result.halved)
    if ranking is not None:
        extra["resorted"] = evaluate(own, ranking=ranking).as_percent() | {"top": preset.model.top}
    return extra


def fingerprint(data: ActionData) -> dict[str, Any]:
    """How many images a run saw, and the SHA-256 of its sample ids, split by split."""
    samples = [*data.train.samples, *data.evaluation.samples]
    names = "\n".join(["train", *sorted(data.train.ids), "evaluation", *sorted(data.evaluation.ids)])
    return {
        "images": len({s.image_id for s in samples}),
        "splits_sha256": hashlib.sha256(names.encode()).hexdigest(),
    }
