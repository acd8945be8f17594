"""Perform a run: read its data, train, score, record."""

from dataclasses import replace
from pathlib import Path

from actret_core.config import require
from actret_core.distributed import rank
from actret_core.errors import ConfigError
from actret_core.experiments.action_data import ActionData, cache_maps, cache_photos, load_data
from actret_core.experiments.record import RunRecord
from actret_core.experiments.run import Place, Run, claimed
from actret_core.experiments.score import record_run, record_token_run
from actret_core.experiments.train import cached_tokens, configure, train_method, train_on_tokens
from actret_core.models.checkpoint import save_model


def perform(run: Run, place: Place, keep: bool = True, deadline: float = float("inf")) -> RunRecord:
    """Train, evaluate and record; an interrupted run resumes after its last whole epoch.

    With `keep` the weights stay in `place.folder(run)`; otherwise its checkpoints are deleted too. Returns the run's
    record. Raises OutOfTime as `fit` does, by `deadline`.
    """
    run, data = prepare(run, place)
    if run.preset.token_dim:
        records = _perform_on_tokens(run, data, place)
    else:
        records = _perform_on_pictures(run, data, place, keep, deadline)
    if not keep or run.preset.token_dim:
        _delete_checkpoints(place.folder(run))
    return records[-1]


def perform_alone(run: Run, place: Place) -> RunRecord:
    """`perform` a run that no other process trains. Raises ConfigError otherwise."""
    with claimed(run, place) as mine:
        if not mine:
            raise ConfigError(f"{place.folder(run)}: another process trains this run; wait for it, or stop it")
        return perform(run, place)


def prepare(run: Run, place: Place) -> tuple[Run, ActionData]:
    """The run fitted to its data and weights, and the data in memory, its photographs or their maps computed once."""
    data = load_data(place.dataset, place.data, run.preset.model, place.proposals)
    run = replace(run, preset=configure(run.preset, data, place.weights, run.preset.train.seed))
    if not run.preset.on_maps:
        return run, cache_photos(data, run.preset.model, run.preset.train.workers)
    require(place.weights is not None, "weights", None, "pretrained weights for a preset with a frozen backbone")
    return run, cache_maps(data, run.preset.model, place.weights, place.maps, run.view)


def _perform_on_pictures(
    run: Run, data: ActionData, place: Place, keep: bool, deadline: float
) -> list[RunRecord]:
    out = place.folder(run)
    model, result = train_method(data, run.preset, place.weights, out, progress=not rank(), deadline=deadline)
    if keep and not rank():
        save_model(out / "model.safetensors", model)
    return [record_run(data, each, model, result, place.results, place.dim) for each in run.recorded]


def _perform_on_tokens(run: Run, data: ActionData, place: Place) -> list[RunRecord]:
    """The embeddings of so small a model are not recorded, nor is it kept."""
    tokens = cached_tokens(data, run.preset, place.weights, place.runs / "tokens")
    _, embeddings, result = train_on_tokens(tokens, run.preset, place.folder(run))
    return [record_token_run(data, each, embeddings, result, place.results) for each in run.recorded]


def _delete_checkpoints(folder: Path) -> None:
    for path in [] if rank() else folder.rglob("*.ckpt"):
        path.unlink()
