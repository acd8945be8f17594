"""Write the playground to disk, in Stanford-40's layout, with captions and proposals."""

import gzip
import json
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from tqdm import tqdm

from actret_core.data.playground.actions import ACTIONS, PLAYGROUND_ACTIONS
from actret_core.data.playground.detector_noise import detect
from actret_core.data.playground.pen import Box
from actret_core.data.playground.scenes import Picture, Scene, compose, render
from actret_core.errors import DataError

VERSION = 3
RECORD = "playground.json"


@dataclass(frozen=True)
class ListedImage:
    """An image in the split lists: file name without its ending, action, and whether it is for training."""

    stem: str
    action: str
    train: bool

    @property
    def file(self) -> str:
        """The image's file name."""
        return f"{self.stem}.png"


def write_playground(root: Path, seed: int = 0, images: int = 1500, progress: bool = True) -> Path:
    """Write the playground to the folder `root` and return it; two thirds of each action are for training.

    Image i depends on `seed` and i only. The folder appears when everything is written; a finished one of the same
    seed, number of images and version is returned as it is. Raises DataError for a folder with other contents.
    """
    root, record = Path(root), {"version": VERSION, "seed": seed, "images": images}
    if images < 3 * len(ACTIONS):
        raise DataError(f"images={images}: ask for {3 * len(ACTIONS)} or more, a test image for each action")
    if _is_finished(root, record):
        return root
    root.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{root.name}-partial-", dir=root.parent))
    try:
        _write_all(partial, seed, images, progress)
        (partial / RECORD).write_text(json.dumps(record))
        partial.chmod(0o755)
        _publish(partial, root, record)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return root


def playground_root(cache: Path, seed: int = 0, images: int = 1500) -> Path:
    """The folder of the playground with these settings in a cache folder."""
    return Path(cache) / f"playground-v{VERSION}-seed{seed}-{images}"


def _is_finished(root: Path, record: dict[str, int]) -> bool:
    """Whether `root` is the playground of `record`; False if it does not exist or is empty.

    Raises DataError for a folder with other contents.
    """
    if not root.exists() or (root.is_dir() and not any(root.iterdir())):
        return False
    advice = f"remove {root} or name another folder"
    try:
        found = json.loads((root / RECORD).read_text())
    except (OSError, ValueError):
        raise DataError(f"{root} holds no finished playground but other files; {advice}") from None
    if found != record:
        raise DataError(f"{root / RECORD} says {found}, asked for {record}; {advice}")
    if (there := len(list(root.glob("JPEGImages/*.png")))) != record["images"]:
        raise DataError(f"{root / 'JPEGImages'} holds {there} of {record['images']} images; {advice}")
    return True


def _publish(partial: Path, root: Path, record: dict[str, int]) -> None:
    try:
        partial.replace(root)
    except OSError:  # another process was faster: fine if it wrote the same
        if not _is_finished(root, record):
            raise


def _write_all(folder: Path, seed: int, images: int, progress: bool) -> None:
    for name in ("JPEGImages", "XMLAnnotations", "ImageSplits"):
        (folder / name).mkdir()
    listed, captions, proposals = [], {}, []
    for index in tqdm(range(images), desc="playground", unit="image", disable=not progress):
        scene = compose(seed, index)
        picture, action = render(scene), ACTIONS[scene.action]
        number = index // len(ACTIONS)
        image = ListedImage(f"{action.name}_{number + 1:03d}", action.name, train=number % 3 != 2)
        listed.append(image)
        captions[image.file] = {"verb": action.verb, "noun": action.noun, "caption": action.caption}
        proposals += _results(image, scene, picture)
        picture.image.save(folder / "JPEGImages" / image.file, compress_level=1)
        note = folder / "XMLAnnotations" / f"{image.stem}.xml"
        _write_annotation(note, image, picture.image.size, picture.persons[scene.anchor])
    _write_splits(folder / "ImageSplits", listed)
    (folder / "captions.json").write_text(json.dumps(captions, indent=0))
    packed = gzip.compress(json.dumps(proposals, separators=(",", ":")).encode(), mtime=0)
    (folder / "proposals.json.gz").write_bytes(packed)


def _results(image: ListedImage, scene: Scene, picture: Picture) -> list[dict[str, object]]:
    """The image's proposals as COCO results: bbox is [x, y, w, h] in pixels."""
    return [
        {"image_id": image.file, "category_id": d.category, "score": d.score,
         "bbox": [d.box[0], d.box[1], round(d.box[2] - d.box[0], 1), round(d.box[3] - d.box[1], 1)]}
        for d in detect(picture, scene.key)
    ]


def _write_annotation(path: Path, image: ListedImage, size: tuple[int, int], person: Box) -> None:
    """Stanford-40's XML: one object, the anchored person, with its box in whole pixels."""
    (w, h), (x1, y1, x2, y2) = size, (round(edge) for edge in person)
    tree = {"filename": image.file, "folder": "playground",
            "object": {"name": "person", "action": image.action,
                       "bndbox": {"xmax": x2, "xmin": x1, "ymax": y2, "ymin": y1}},
            "size": {"depth": 3, "height": h, "width": w}}
    root = _element("annotation", tree)
    ElementTree.indent(root)
    ElementTree.ElementTree(root).write(path)


def _element(tag: str, content: object) -> ElementTree.Element:
    element = ElementTree.Element(tag)
    if isinstance(content, dict):
        element.extend(_element(key, value) for key, value in content.items())
    else:
        element.text = str(content)
    return element


def _write_splits(folder: Path, listed: list[ListedImage]) -> None:
    """actions.txt (names and numbers of images) and, for each split, one list of all files and one for each action."""
    rows = ["action_name\t\t\tnumber_of_images"]
    for action in PLAYGROUND_ACTIONS:
        mine = [e for e in listed if e.action == action]
        rows.append(f"{action}\t\t\t{len(mine)}")
        for split, train in (("train", True), ("test", False)):
            _write_lines(folder / f"{action}_{split}.txt", [e.file for e in mine if e.train == train])
    _write_lines(folder / "actions.txt", rows)
    for split, train in (("train", True), ("test", False)):
        _write_lines(folder / f"{split}.txt", [e.file for e in listed if e.train == train])


def _write_lines(path: Path, lines: list[str]) -> None:
    path.write_text("".join(f"{line}\n" for line in lines))
