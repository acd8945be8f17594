"""From a trained model to its record: embed, score, compress, write."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from actret_core.config import require
from actret_core.data.sample import ActionSplit
from actret_core.distributed import on_first
from actret_core.experiments.action_data import NO_PROPOSALS, ActionData
from actret_core.experiments.presets import Preset
from actret_core.experiments.record import RunRecord, fingerprint
from actret_core.experiments.run import Run
from actret_core.retrieval import (
    Embeddings, bootstrap_interval, compress, evaluate, k_reciprocal_rerank, recognition_map,
)
from actret_core.training.embed import Embedded, embed_views, mean_view, to_embeddings
from actret_core.training.fit import FitResult
from actret_core.training.pairs import resort

Scores = dict[str, Any]
K1, K2, LAMBDA = 200, 20, 0.3  # re-ranking, as in the paper


def retrieval_scores(embeddings: Embeddings) -> Scores:
    """The retrieval metrics of a record, in percent: plain with an interval, and re-ranked in both variants."""
    plain = evaluate(embeddings)
    scores = plain.as_percent()
    scores["mAP_ci95"] = [round(100 * v, 4) for v in bootstrap_interval(plain.per_query)]
    for key, variant in (("reranked", "concatenated"), ("reranked_single", "single")):
        distances = k_reciprocal_rerank(embeddings.features, k1=K1, k2=K2, lambda_=LAMBDA, variant=variant)
        reranked = evaluate(embeddings, distances=distances).as_percent()
        scores[key] = reranked | {"variant": variant, "k1": K1, "k2": K2, "lambda": LAMBDA}
    return scores


def record_run(
    data: ActionData, run: Run, model: nn.Module, result: FitResult, results: Path, dim: int = 256
) -> RunRecord:
    """Embed both splits, score them, and write the record, the small test embeddings and the logits below `results`.

    In the record, `metrics` are those of the small embeddings ([N, dim] by a PCA fitted on the training set, float16),
    so that anyone can recompute them; `metrics_full_dim` are those of the model's own features; `resorted`, only for
    the Reranking Transformer, are those of their ranking after its first places were sorted by pair scores;
    `parts_of_a_batch` are the sizes into which batches were split where memory ran out. Several processes share the
    embedding; the first one scores and writes. Raises ConfigError unless `dim` is 1 or more.
    """
    require(dim >= 1, "dim", dim, "at least 1")
    train, test = (embed_split(data, run.preset, model, split) for split in (data.train, data.evaluation))
    own = to_embeddings(data.evaluation, test.features)
    extra = {"train_loss": list(result.losses)} | _parts(result) | _resorted(run.preset, data, model, own)

    def score_and_write() -> RunRecord:
        small = replace(own, features=compress(train.features, test.features, dim))
        logits = replace(own, features=test.logits.astype(np.float16))
        full_dim = {"metrics_full_dim": retrieval_scores(own) | _recognition(test.logits, data)}
        metrics = retrieval_scores(small) | _recognition(logits.features, data)
        record = _record(data, run, result, metrics, extra | full_dim)
        small.save(record.embeddings_path(results))
        logits.save(record.logits_path(results))
        record.write(results)
        return record

    return on_first(score_and_write)


def record_token_run(
    data: ActionData, run: Run, embeddings: Embeddings, result: FitResult, results: Path
) -> RunRecord:
    """Score and record a fusion transformer on frozen tokens.

    `embeddings` are those of the evaluation set, followed by those of its mirror images. No file of them is written.
    """
    count = len(data.evaluation)
    views = [embeddings.features[:count], embeddings.features[count:]]
    features = mean_view(views) if run.preset.model.flip_test else views[0]
    record = _record(data, run, result, retrieval_scores(to_embeddings(data.evaluation, features)))
    record.write(results)
    return record


def _record(
    data: ActionData, run: Run, result: FitResult, metrics: Scores, extra: Scores | None = None
) -> RunRecord:
    return RunRecord.made_now(
        dataset=data.train.dataset, method=run.method, tier=run.preset.tier, seed=run.preset.train.seed,
        metrics=metrics, config=run.preset.as_config(), epochs=result.epochs, wall_seconds=result.wall_seconds,
        dataset_fingerprint=data_fingerprint(data), variant=run.variant,
        extra=(extra or {}) | ({"proposals": NO_PROPOSALS} if data.no_proposals else {}),
    )


def embed_split(data: ActionData, preset: Preset, model: nn.Module, split: ActionSplit) -> Embedded:
    """The features and logits of a split; with `flip_test`, their mean with those of the mirrored photographs."""
    views = [data.dataset(split, preset.model)]
    if preset.model.flip_test:
        views.append(data.mirrored(split, preset.model))
    return embed_views(model, views, 64, preset.train.workers, preset.train.precision)


def _recognition(logits: np.ndarray, data: ActionData) -> Scores:
    return {"recognition_mAP": round(100 * recognition_map(logits, data.evaluation.targets), 4)}


def _parts(result: FitResult) -> Scores:
    return {"parts_of_a_batch": list(result.halved)} if result.halved else {}


def _resorted(preset: Preset, data: ActionData, model: nn.Module, own: Embeddings) -> Scores:
    """The Reranking Transformer's scores; nothing for other methods."""
    if not preset.pairs:
        return {}
    ranking = resort(model, data.dataset(data.evaluation, preset.model), own, preset.train.precision)
    return {"resorted": evaluate(own, ranking=ranking).as_percent() | {"top": preset.model.top}}


def data_fingerprint(data: ActionData) -> dict[str, Any]:
    """How many images both splits have, and the SHA-256 of the ids of their samples."""
    samples = [*data.train.samples, *data.evaluation.samples]
    return fingerprint(len({s.image_id for s in samples}), data.train.ids, data.evaluation.ids)
