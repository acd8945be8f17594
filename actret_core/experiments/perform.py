"""Perform a run: read its data, train, score, record. This is what `actret train` and each row of a sweep do."""

from dataclasses import replace
from pathlib import Path

from actret_core.distributed import on_first, rank
from actret_core.errors import ConfigError
from actret_core.experiments.action_data import ActionData, cache_maps, cache_photos, load_data
from actret_core.experiments.check import check
from actret_core.experiments.identity import identity, keep_identity
from actret_core.experiments.record import RunRecord
from actret_core.experiments.run import Place, Run, claimed
from actret_core.experiments.score import record_run, record_token_run
from actret_core.experiments.train import cached_tokens, configure, train_method, train_on_tokens
from actret_core.models.checkpoint import save_model


def perform(run: Run, place: Place, keep: bool = True, deadline: float = float("inf")) -> RunRecord:
    """Train, score and record; an interrupted run resumes after its last complete epoch. Returns the run's record.

    With `keep`, checkpoints and final weights stay in `place.folder(run)`; without, checkpoints are deleted and no
    weights are written. Of a run on tokens, nothing is kept: it takes seconds. Raises OutOfTime as `fit` does, by
    `deadline`, and the errors of reading, training and recording.
    """
    run, data = prepare(run, place)
    on_tokens = run.preset.token_dim > 0
    if on_tokens:
        record = _perform_on_tokens(run, data, place)
    else:
        record = _perform_on_photographs(run, data, place, keep, deadline)
    if on_tokens or not keep:
        _delete_checkpoints(place.folder(run))
    return record


def perform_alone(run: Run, place: Place) -> RunRecord:
    """`perform` a run. Raises ConfigError if another process trains it at the moment."""
    with claimed(run, place) as mine:
        if not mine:
            raise ConfigError(f"{place.folder(run)}: another process trains this run; wait for it, or stop it")
        return perform(run, place)


def prepare(run: Run, place: Place) -> tuple[Run, ActionData]:
    """Read the data of a run; returns the run, its preset fitted to data and weights, and the data.

    What would end the run later is found here (`check`), and its folder gets its identity (`keep_identity`). The
    photographs are decoded once (`cache_photos`); for a preset with a frozen backbone, their maps are computed once
    (`cache_maps`). Raises the errors of all of these and of the readers.
    """
    data = load_data(place.dataset, place.data, run.preset.model, place.proposals)
    run = replace(run, preset=configure(run.preset, data, place.weights, run.preset.train.seed))
    check(data, run, place)
    on_first(lambda: keep_identity(place.folder(run), identity(data, run, place)))
    if not run.preset.on_maps:
        return run, cache_photos(data, run.preset.model, run.preset.train.workers)
    return run, cache_maps(data, run.preset.model, place.weights, place.maps, run.view)


def _perform_on_photographs(run: Run, data: ActionData, place: Place, keep: bool, deadline: float) -> RunRecord:
    """Train on photographs or on their maps, and record; returns the record of the run itself."""
    out = place.folder(run)
    model, result = train_method(data, run.preset, place.weights, out, progress=not rank(), deadline=deadline)
    if keep and not rank():
        save_model(out / "model.safetensors", model)
    return [record_run(data, each, model, result, place.results, place.dim) for each in run.to_record][-1]


def _perform_on_tokens(run: Run, data: ActionData, place: Place) -> RunRecord:
    """Train on the tokens of a frozen backbone, and record; returns the record of the run itself."""
    tokens = cached_tokens(data, run.preset, place.weights, place.runs / "tokens")
    _, embeddings, result = train_on_tokens(tokens, run.preset, place.folder(run))
    return [record_token_run(data, each, embeddings, result, place.results) for each in run.to_record][-1]


def _delete_checkpoints(folder: Path) -> None:
    for path in [] if rank() else folder.rglob("*.ckpt"):
        path.unlink()
