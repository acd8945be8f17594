"""Train a text model on captioned videos, evaluate it in both directions of search, and record it."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from actret_core.experiments.record import RunRecord, run_stem
from actret_core.text.crossmodal import score_both_ways
from actret_core.text.model import TextModel
from actret_core.text.query import embed_texts, embed_visuals
from actret_core.text.train import TextPreset, as_config, train_captioned
from actret_core.text.videos.captioned import CaptionedVideos
from actret_core.text.vocabulary import Vocabulary, vocabulary_of
from actret_core.text.word_vectors import read_word_vectors
from actret_core.training.config import TrainConfig
from actret_core.training.fit import FitResult

# As in the ICCV paper, whose margin, weights and width are the models' defaults. The number of epochs is ours.
PRESET = TextPreset(
    "full",
    TrainConfig(
        epochs=100, batch_size=256, lr=1e-5, weight_decay=0.0, optimizer="adam", mixup=0.0, held_out=0.0, clip=0.0,
        precision="32-true", workers=0,
    ),
    {"triplets": 100},
)


def record_videos(
    dataset: str, variant: str, read: Callable[[], CaptionedVideos], preset: TextPreset, results: Path,
    vectors: Path | None = None, runs: Path = Path("runs"),
) -> RunRecord | None:
    """Train a variant on the videos that `read` returns, and record it; None if it is recorded already.

    `vectors`: a file of pretrained word vectors, which are not trained. A folder in `runs` receives the checkpoints,
    from which an interrupted run resumes, and `embeddings.npz` with `texts` [Q, d] and `visuals` [G, d] of the test.
    """
    name = run_stem(variant, "", preset.tier, preset.train.seed)
    if (results / dataset / f"{name}.json").exists():
        return None
    videos, out = read(), runs / dataset / name
    vocabulary = vocabulary_of(videos.train.phrases, _words_of(videos) if vectors else ())
    known = read_word_vectors(vectors, vocabulary) if vectors else None
    if known:
        words = {"learn_words": False, "word_dim": len(next(iter(known.values())))}
        preset = replace(preset, model=preset.model | words)
    model, result = train_captioned(videos.train, variant, preset, vocabulary, known, out, progress=True)
    record = _record(dataset, variant, preset, videos, _evaluate(model, vocabulary, videos, out), result, vectors)
    record.write(results)
    return record


def _words_of(videos: CaptionedVideos) -> set[str]:
    """The words of the queries: pretrained vectors cover them, even if training never saw them."""
    return {word for phrase in videos.queries for word in phrase.words}


def _evaluate(model: TextModel, vocabulary: Vocabulary, videos: CaptionedVideos, out: Path) -> dict:
    """The metrics of each direction, in percent, and their means at the top level."""
    texts, visuals = embed_texts(model, vocabulary, videos.queries), embed_visuals(model, videos.gallery)
    np.savez(out / "embeddings.npz", texts=texts, visuals=visuals)
    found = score_both_ways(texts @ visuals.T, videos.relevant, videos.ranks)
    return found["mean"] | found


def _record(
    dataset: str, variant: str, preset: TextPreset, videos: CaptionedVideos, metrics: dict, result: FitResult,
    vectors: Path | None,
) -> RunRecord:
    method, _, rest = variant.partition("-")
    return RunRecord.made_now(
        dataset=dataset, method=method, tier=preset.tier, seed=preset.train.seed, metrics=metrics,
        config=as_config(preset, variant) | {"vectors": vectors.name if vectors else None}, epochs=result.epochs,
        wall_seconds=result.wall_seconds, dataset_fingerprint=_fingerprint(videos), variant=rest,
    )


def _fingerprint(videos: CaptionedVideos) -> dict:
    """The numbers of captions and videos, and the SHA-256 of all features and captions in order."""
    digest = hashlib.sha256()
    for features in (videos.train.features, videos.gallery):
        digest.update(np.ascontiguousarray(features))
    digest.update(repr([videos.train.phrases, videos.queries]).encode())
    counts = {"train_captions": len(videos.train.phrases), "train_videos": len(videos.train.features)}
    return counts | {"queries": len(videos.queries), "gallery": len(videos.gallery), "sha256": digest.hexdigest()}
