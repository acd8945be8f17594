"""From a trained model to its record: embed, score, compress, write."""

import hashlib
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from actret_core.config import require
from actret_core.experiment import ActionData, to_embeddings
from actret_core.models.methods import method_of
from actret_core.presets import Preset
from actret_core.results import RunRecord, provenance
from actret_core.retrieval import (
    Embeddings, bootstrap_interval, compress, evaluate, k_reciprocal_rerank, recognition_map,
)
from actret_core.training.embed import embed
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
    their ranking with its best places sorted anew. Raises ConfigError unless `dim` is 1 or more.
    """
    require(dim >= 1, "dim", dim, "at least 1")
    c, splits = preset.train, (data.train, data.evaluation)
    parts = [embed(model, data.dataset(s, preset.model), 64, c.workers, c.precision) for s in splits]
    small = to_embeddings(data.evaluation, compress(parts[0].features, parts[1].features, dim))
    logits = replace(small, features=parts[1].logits.astype(np.float16))
    recognition, recognition_full = (
        {"recognition_mAP": round(100 * recognition_map(scores, data.evaluation.targets), 4)}
        for scores in (logits.features, parts[1].logits)
    )
    own = to_embeddings(data.evaluation, parts[1].features)
    extra = {"train_loss": list(result.losses), "metrics_full_dim": assess(own) | recognition_full}
    config = {"model": asdict(preset.model), "train": asdict(preset.train)}
    if preset.pairs:
        config["pairs"] = asdict(preset.pairs)
        ranking = resort(model, data.dataset(data.evaluation, preset.model), own, c.precision)
        extra["resorted"] = evaluate(own, ranking=ranking).as_percent() | {"top": preset.model.top}
    record = RunRecord(
        data.train.dataset, method_of(preset.model), preset.tier, preset.train.seed,
        metrics=assess(small) | recognition,
        config=config,
        epochs=result.epochs, wall_seconds=round(result.wall_seconds, 1), **provenance(),
        dataset_fingerprint=fingerprint(data), variant=variant,
        extra=extra,
    )
    small.save(record.embeddings_path(results))
    logits.save(record.logits_path(results))
    record.write(results)
    return record


def fingerprint(data: ActionData) -> dict[str, Any]:
    """How many images a run saw, and the SHA-256 of its sample ids, split by split."""
    samples = [*data.train.samples, *data.evaluation.samples]
    names = "\n".join(["train", *sorted(data.train.ids), "evaluation", *sorted(data.evaluation.ids)])
    return {
        "images": len({s.image_id for s in samples}),
        "splits_sha256": hashlib.sha256(names.encode()).hexdigest(),
    }
