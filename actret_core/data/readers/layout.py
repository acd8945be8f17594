"""The folders and lists of a data set's official layout: read, and checked for what is missing or listed twice."""

import codecs
import warnings
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from actret_core.errors import DataError, DataWarning


def read_lines(path: Path) -> list[str]:
    """The lines of a split file that are not blank, in UTF-8 or UTF-16, with a byte-order mark or without.

    Raises DataError if the file is missing, empty or in another encoding.
    """
    lines = lines_if_any(path)
    if not lines:
        raise DataError(f"{path}: missing or empty; the split files come with the data set")
    return lines


def lines_if_any(path: Path) -> list[str]:
    """Like `read_lines`, but no lines of a file that is missing or empty."""
    try:
        data = path.read_bytes()
        text = data.decode(_encoding(data[:2]))
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read ({error}); save it as text in UTF-8") from None
    return [line.strip() for line in text.splitlines() if line.strip()]


def _encoding(start: bytes) -> str:
    if start in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return "utf-16"
    zeros = [byte == 0 for byte in start]  # half of each Latin letter in UTF-16
    return {(False, True): "utf-16-le", (True, False): "utf-16-be"}.get(tuple(zeros), "utf-8-sig")


def require_once(folder: Path, lists: Mapping[Path, Sequence[str]]) -> None:
    """Raise DataError, naming them, if photographs are listed twice or share a stem, which names their annotation.

    `lists` are the file names of photographs by the path of their list, in `folder`.
    """
    places = defaultdict(list)
    for source, images in lists.items():
        for image in images:
            places[Path(image).stem].append(f"{image} in {source.name}")
    shared = {stem: found for stem, found in places.items() if len(found) > 1}
    if not shared:
        return
    first = "; ".join(" and ".join(found) for found in list(shared.values())[:3])
    raise DataError(
        f"{folder}: {len(shared)} photographs are listed twice, or two of them share a stem: {first}; "
        "leave each in one list, once, or rename one of two"
    )


def warn_about(root: Path, what: str, names: Sequence[str]) -> None:
    """One DataWarning for the data set under `root`: `what`, the number of `names` and the first three, if any."""
    if names:
        more = ", ..." if len(names) > 3 else ""
        warnings.warn(f"{root}: {what}: {len(names)} ({', '.join(names[:3])}{more})", DataWarning, stacklevel=3)


def require_folders(root: Path, folders: tuple[str, ...]) -> None:
    """Raise DataError, naming those that are missing, unless `root` has all `folders`."""
    missing = [f for f in folders if not (root / f).is_dir()]
    if missing:
        layout = ", ".join(folders)
        raise DataError(f"{root}: no folder {', '.join(missing)}; expected the official layout ({layout})")


def require_images(root: Path, names: list[str], split_file: str) -> None:
    """Raise DataError if an image that is listed in `split_file` is not in `root/JPEGImages`."""
    present = {p.name for p in (root / "JPEGImages").iterdir()}
    absent = [n for n in names if n not in present]
    if absent:
        raise DataError(
            f"{root / 'JPEGImages'}: {len(absent)} of {len(names)} images named by {split_file} are absent, "
            f"first {absent[0]}; the folder may be half downloaded"
        )
