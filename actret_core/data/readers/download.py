"""Download a file or a whole data set: an interrupted download is resumed, a finished one is verified."""

import http.client
import os
import shutil
import tarfile
import tempfile
import urllib.error
import urllib.request
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from tqdm import tqdm

from actret_core.data.readers.registry import read_split
from actret_core.errors import DataError, DownloadError
from actret_core.files import file_digest

CHUNK = 1 << 20
TIMEOUT = 60  # seconds without a byte
DAMAGED = (shutil.ReadError, tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, ValueError)


@dataclass(frozen=True)
class Archive:
    """A zip or tar file on the web. Only the `folders` in its folder `inside` are kept. md5: hex, if known."""

    url: str
    folders: tuple[str, ...]
    inside: str = ""
    md5: str | None = None


STANFORD40 = tuple(
    Archive(f"http://vision.stanford.edu/Datasets/Stanford40_{folder}.zip", (folder,))
    for folder in ("ImageSplits", "XMLAnnotations", "JPEGImages")
)
VOC2012 = (
    Archive(
        "http://host.robots.ox.ac.uk/pascal/VOC/voc2012/VOCtrainval_11-May-2012.tar",
        ("ImageSets", "Annotations", "JPEGImages"),
        "VOCdevkit/VOC2012",
        md5="6cd6e144f989b92b3379bac3b3de84fd",
    ),
)


def fetch_stanford40(root: Path) -> Path:
    """Stanford 40 Actions from its official site into `root`; checks for 4000 train and 5532 test images."""
    return fetch("stanford40", STANFORD40, root, {"train": 4000, "test": 5532})


def fetch_voc2012(root: Path) -> Path:
    """PASCAL VOC 2012 from its official site into `root`; checks for 2296 train and 2292 val images."""
    return fetch("voc2012", VOC2012, root, {"train": 2296, "val": 2292})


def fetch(
    dataset: str, archives: tuple[Archive, ...], root: Path, images: dict[str, int], progress: bool = True
) -> Path:
    """Download and unpack `archives` into `root`, then read the data set and count the images of each split.

    Folders that an earlier call has unpacked are kept. Raises DownloadError if a download fails (call again to
    continue), DataError if the number of images is wrong.
    """
    root = Path(root)
    for archive in archives:
        if not all((root / folder).is_dir() for folder in archive.folders):
            file = download(archive.url, root / Path(archive.url).name, md5=archive.md5, progress=progress)
            _install(archive, file, root)
            file.unlink()
    for split, expected in images.items():
        found = len({sample.image for sample in read_split(dataset, root, split).samples})
        if found != expected:
            raise DataError(f"{root}: {found} images in {split}, expected {expected}; delete it, run again")
    return root


def download(url: str, path: Path, md5: str | None = None, progress: bool = True) -> Path:
    """Download `url` to `path`. The file appears there only when it is complete and verified.

    Verified are the length that the server announces, and `md5`, a hex digest, if given. A file that is already at
    `path` is verified, too, and not downloaded again. An interrupted download leaves `<path>.part`, which the next call
    continues. Raises DownloadError; a damaged download is deleted.
    """
    path, part = Path(path), Path(f"{path}.part")
    if path.exists():
        if wrong := _mismatch(path, md5):
            raise DownloadError(f"{path}: there already, but {wrong}; move it away and run again")
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        _transfer(url, part, progress)
    except (OSError, http.client.HTTPException) as error:
        raise DownloadError(f"{url}: not fetched whole ({error}); run it again to continue") from error
    if wrong := _mismatch(part, md5):
        part.unlink()
        raise DownloadError(f"{url}: arrived damaged, {wrong}; deleted, run it again")
    os.replace(part, path)
    return path


def extract(archive: Path, folder: Path) -> None:
    """Unpack a zip or tar file; no member is written outside `folder`. Raises DownloadError if it is damaged."""
    is_zip = archive.suffix == ".zip"
    if not is_zip and not hasattr(tarfile, "data_filter"):
        raise DownloadError(f"{archive}: unpack it by hand; Python 3.11.4 or newer does it safely")
    try:
        shutil.unpack_archive(archive, folder, **({} if is_zip else {"filter": "data"}))
    except DAMAGED as error:
        raise DownloadError(f"{archive}: not a whole archive ({error}); delete it, run again") from error


def _transfer(url: str, part: Path, progress: bool) -> None:
    """Download what `part` does not have of `url` yet, and append it."""
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        response = urllib.request.urlopen(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code != 416:
            raise
        if error.headers.get("Content-Range") == f"bytes */{have}":
            return  # complete already
        part.unlink()  # longer than the server's file, which must have changed
        raise
    with response:
        have = have if response.status == 206 else 0  # a server that ignores the range sends the whole file
        announced = response.headers.get("Content-Length")
        total = have + int(announced) if announced else None
        with open(part, "ab" if have else "wb") as file:
            _copy(response, file, tqdm(
                desc=part.stem, initial=have, total=total, unit="B", unit_scale=True, disable=not progress
            ))  # fmt: skip
    if total is not None and part.stat().st_size != total:
        raise ConnectionError(f"{part.stat().st_size} of {total} bytes arrived")


def _copy(source: http.client.HTTPResponse, target: BinaryIO, bar: tqdm) -> None:
    with bar:
        while chunk := source.read(CHUNK):
            target.write(chunk)
            bar.update(len(chunk))


def _mismatch(path: Path, md5: str | None) -> str | None:
    """How a file's digest differs from `md5`, as a phrase; None if it agrees, or if no digest is known."""
    found = md5 and file_digest(path, "md5")
    return None if found == md5 else f"its md5 is {found} and not {md5}"


def _install(archive: Archive, file: Path, root: Path) -> None:
    """Unpack an archive and move its folders to `root`, each completely or not at all."""
    with tempfile.TemporaryDirectory(dir=root, prefix=".unpacking-") as temporary:
        extract(file, Path(temporary))
        for folder in archive.folders:
            source = Path(temporary, archive.inside, folder)
            if not source.is_dir():
                raise DownloadError(f"{file}: no folder {Path(archive.inside, folder)}; see {archive.url}")
            if not (root / folder).is_dir():
                os.replace(source, root / folder)
