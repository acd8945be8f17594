"""Faster R-CNN end to end, with random weights: what it finds is noise, what is done with it is the same."""

import copy
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from actret_core.errors import ConfigError, DataError, ProposalError
from actret_core.regions.detector import detect, load_detector
from actret_core.regions.proposals import read_proposals

SIZES = [(60, 40), (40, 60), (50, 50)]


@pytest.fixture(scope="module")
def model() -> nn.Module:
    torch.manual_seed(0)
    small = {"min_size": 48, "max_size": 64, "rpn_post_nms_top_n_test": 20, "box_detections_per_img": 5}
    return load_detector(weights=None, box_score_thresh=0.0, **small)


@pytest.fixture
def images(tmp_path: Path) -> list[Path]:
    return write_images(tmp_path)


@pytest.fixture(scope="module")
def uninterrupted(model: nn.Module, tmp_path_factory: pytest.TempPathFactory) -> dict[int, bytes]:
    """The file that an undisturbed run writes, by its batch size."""
    folder = tmp_path_factory.mktemp("undisturbed")
    paths = write_images(folder)
    return {
        size: detect(model, paths, folder / "once.json", size, min_score=0.0, progress=False).read_bytes()
        for size in (1, 2)
    }


def write_images(folder: Path) -> list[Path]:
    paths = [folder / f"{name}.png" for name in "cab"]
    for seed, (path, size) in enumerate(zip(paths, SIZES, strict=True)):
        noise = torch.rand(*size[::-1], 3, generator=torch.Generator().manual_seed(seed))
        Image.fromarray((noise * 255).byte().numpy()).save(path)
    return paths


def test_proposals_of_every_image_in_its_own_pixels(
    model: nn.Module, images: list[Path], tmp_path: Path
) -> None:
    out = detect(model, images, tmp_path / "new" / "found.json.gz", 2, min_score=0.0, progress=False)
    found = read_proposals(out)
    assert list(found) == ["c.png", "a.png", "b.png"]  # in the order given
    for (width, height), proposals in zip(SIZES, found.values(), strict=True):
        assert 1 <= len(proposals.boxes) <= 5
        assert proposals.boxes.min() >= 0 and proposals.boxes[:, 2].max() <= width + 0.1
        assert proposals.boxes[:, 3].max() <= height + 0.1
        assert proposals.categories.min() >= 1 and proposals.categories.max() <= 90
    assert [p.name for p in out.parent.iterdir()] == ["found.json.gz"]


def test_a_photograph_that_its_annotation_turns_is_turned(model: nn.Module, images: list[Path], tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    plain, turned = tmp_path / "plain.png", tmp_path / "turned.png"
    picture = Image.open(images[0])                                     # 60 x 40
    picture.save(plain)
    picture.transpose(Image.Transpose.ROTATE_90).save(turned, exif=exif)
    found = read_proposals(detect(model, [plain, turned], tmp_path / "f.json", 1, 0.0, False, {turned: (60, 40)}))
    np.testing.assert_array_equal(found["turned.png"].boxes, found["plain.png"].boxes)


def test_boxes_are_those_of_the_model(model: nn.Module, images: list[Path], tmp_path: Path) -> None:
    out = detect(model, images[:1], tmp_path / "found.json", min_score=0.0, progress=False)
    with torch.no_grad(), Image.open(images[0]) as image:
        expected = model([torch.from_numpy(np.array(image)).permute(2, 0, 1) / 255])[0]
    found = read_proposals(out)["c.png"]
    torch.testing.assert_close(found.boxes, expected["boxes"], atol=0.11, rtol=0)
    torch.testing.assert_close(found.scores, expected["scores"], atol=1e-4, rtol=0)
    lowest = expected["scores"].sort().values[-2].item()
    fewer = detect(model, images[:1], tmp_path / "few.json", min_score=lowest, progress=False)
    assert len(read_proposals(fewer)["c.png"].boxes) == (expected["scores"] >= lowest).sum()


@pytest.fixture
def interrupted(model: nn.Module, images: list[Path], tmp_path: Path) -> Path:
    """The output of a run that stopped at a damaged second image, which is now whole again."""
    whole, out = images[1].read_bytes(), tmp_path / "found.json"
    images[1].write_bytes(whole[:200])
    with pytest.raises(DataError, match="a.png: cannot be read as an image"):
        detect(model, images, out, batch_size=1, min_score=0.0, progress=False)
    images[1].write_bytes(whole)
    assert not out.exists()
    return out


def test_an_interrupted_run_continues_and_ends_the_same(
    model: nn.Module, images: list[Path], tmp_path: Path, interrupted: Path, uninterrupted: dict[int, bytes]
) -> None:
    shard = Path(f"{interrupted}.part.jsonl")
    assert [json.loads(line)[0] for line in shard.read_text().splitlines()[1:]] == ["c.png"]
    images[0].rename(tmp_path / "moved.png")  # its result is kept: it is not read again
    detect(model, images, interrupted, batch_size=1, min_score=0.0, progress=False)
    assert interrupted.read_bytes() == uninterrupted[1] and not shard.exists()


@pytest.mark.parametrize("cut", [1, 40, "header"])
def test_a_cut_last_line_is_discarded(
    model: nn.Module, images: list[Path], interrupted: Path, uninterrupted: dict[int, bytes], cut: int | str
) -> None:
    shard = Path(f"{interrupted}.part.jsonl")
    lines = shard.read_bytes()
    shard.write_bytes(lines[:20] if cut == "header" else lines[:-cut])
    detect(model, images, interrupted, batch_size=1, min_score=0.0, progress=False)
    assert interrupted.read_bytes() == uninterrupted[1]


def test_a_batch_that_was_cut_is_repeated_whole(
    model: nn.Module, images: list[Path], interrupted: Path, uninterrupted: dict[int, bytes]
) -> None:
    detect(model, images, interrupted, batch_size=2, min_score=0.0, progress=False)
    assert interrupted.read_bytes() == uninterrupted[2]


def test_a_run_is_not_continued_with_other_settings(
    model: nn.Module, images: list[Path], interrupted: Path
) -> None:
    other = copy.deepcopy(model)
    with torch.no_grad():
        other.roi_heads.box_predictor.cls_score.bias += 1
    for detector, min_score in ((model, 0.5), (other, 0.0)):
        with pytest.raises(ProposalError, match=r"part.jsonl: begun with other weights or min_score"):
            detect(detector, images, interrupted, batch_size=1, min_score=min_score, progress=False)


def test_a_damaged_record_is_named(model: nn.Module, images: list[Path], interrupted: Path) -> None:
    shard = Path(f"{interrupted}.part.jsonl")
    shard.write_text(shard.read_text() + "{\n")
    with pytest.raises(ProposalError, match="part.jsonl: damaged"):
        detect(model, images, interrupted, batch_size=1, min_score=0.0, progress=False)


def test_two_images_of_one_name(model: nn.Module, images: list[Path], tmp_path: Path) -> None:
    with pytest.raises(ProposalError, match="two images share a file name"):
        detect(model, [*images, tmp_path / "other" / "a.png"], tmp_path / "found.json")


def test_unknown_weights_name_the_known() -> None:
    with pytest.raises(ConfigError, match="weights='COCO_V9': expected None or one of COCO_V1"):
        load_detector("COCO_V9")
