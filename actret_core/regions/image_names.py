"""Which photograph an `image_id` means. Detectors write file names, with or without their ending, or numbers."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from reprlib import repr as short

from actret_core.errors import ProposalError

ImageId = str | int | float


def match_names(ids: Iterable[ImageId], names: Mapping[ImageId, str], wanted: Sequence[str]) -> dict[ImageId, str]:
    """The file name, among those `wanted`, that each image_id means; an id of another photograph is left out.

    `names` are the file names of a COCO `images` list by id; where there is one, a number means nothing else. A text is
    a file name, with or without folder and ending; a number is a file name without its ending and its leading zeros.
    Raises ProposalError if an id may mean two photographs.
    """
    exact, stems, numbers = {name: [name] for name in wanted}, _by_stem(wanted), _by_number(wanted)
    matched = {}
    for image_id in dict.fromkeys(ids):
        name = names.get(image_id, image_id)
        if isinstance(name, str):
            base = name.replace("\\", "/").rpartition("/")[2]
            found = exact.get(name) or exact.get(base) or stems.get(base, [])
        else:
            found = [] if names else numbers.get(int(name), [])
        if len(found) > 1:
            raise ProposalError(f"image_id {short(image_id)} may be {' or '.join(found)}; write the whole file name")
        if found:
            matched[image_id] = found[0]
    return matched


def _by_stem(names: Iterable[str]) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = defaultdict(list)
    for name in names:
        grouped[Path(name).stem].append(name)
    return grouped


def _by_number(names: Iterable[str]) -> dict[int, list[str]]:
    grouped: dict[int, list[str]] = defaultdict(list)
    for stem, same in _by_stem(names).items():
        if stem.isdecimal():
            grouped[int(stem)] += same
    return grouped
