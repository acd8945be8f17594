"""What would end a run after its training is found before the first step."""

from collections import Counter, defaultdict

from actret_core.config import require
from actret_core.data.sample import ActionSplit
from actret_core.errors import DataError
from actret_core.experiments.action_data import ActionData
from actret_core.experiments.run import Place, Run
from actret_core.models.weights import backbone_of


def check(data: ActionData, run: Run, place: Place) -> None:
    """Raise the error that would otherwise come after hours of training.

    Raises DataError where two samples have one id, or no two photographs of the evaluation set share an action;
    ConfigError for a field of the run or of the place that does not suit, a folder that cannot be written among them.
    """
    place.require_writable(run)
    require(
        place.weights is not None or not run.preset.on_maps, "weights", None,
        "pretrained weights for a preset with a frozen backbone",
    )
    if place.weights:
        backbone_of(place.weights)
    for split in (data.train, data.evaluation):
        require(len(split) > 0, split.name, [], f"at least one sample in this split of {split.dataset}")
    _check_ids(data)
    _check_positives(data.evaluation)
    if run.preset.pairs:  # the second training ranks the other images of each set
        others = min(len(data.train), len(data.evaluation)) - 1
        require(run.preset.model.top <= others, "top", run.preset.model.top, f"1 to {others}, the number of others")


def _check_ids(data: ActionData) -> None:
    counts = Counter([*data.train.ids, *data.evaluation.ids])
    twice = [name for name, count in counts.items() if count > 1]
    if twice:
        raise DataError(
            f"{data.train.dataset}: {len(twice)} ids stand more than once in the splits, such as "
            f"{', '.join(twice[:3])}; list each once, and give each photograph a name of its own"
        )


def _check_positives(split: ActionSplit) -> None:
    """A query finds something if another photograph of the split shows its action."""
    photographs = defaultdict(set)
    for sample in split.samples:
        for label in sample.labels:
            photographs[label].add(sample.image_id)
    if not any(len(names) > 1 for names in photographs.values()):
        raise DataError(
            f"{split.dataset}, {split.name}: no action has two photographs, so no query shares an action with "
            "another; add photographs to this split"
        )
