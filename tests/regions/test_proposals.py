import gzip
import json
from pathlib import Path

import pytest
import torch

from actret_core.errors import DataWarning, ProposalError
from actret_core.regions.proposals import ProposalSet, read_proposals, write_proposals

FOUND = {
    "b.jpg": ProposalSet(
        torch.tensor([[1.0, 2, 31, 42], [0.5, 0, 9.7, 8]]), torch.tensor([0.25, 0.75]), torch.tensor([1, 44])
    ),
    "a.jpg": ProposalSet(torch.tensor([[5.0, 5, 6, 7]]), torch.tensor([0.5]), torch.tensor([1])),
}


def row(image: object = "a.jpg", box: object = (1, 2, 3, 4), score: object = 0.5) -> dict[str, object]:
    return {"image_id": image, "category_id": 1, "bbox": box, "score": score}


@pytest.mark.parametrize("name", ["found.json", "found.json.gz"])
def test_written_as_coco_results_and_read_best_first(tmp_path: Path, name: str) -> None:
    write_proposals(tmp_path / name, FOUND)
    raw = (tmp_path / name).read_bytes()
    rows = json.loads(gzip.decompress(raw) if name.endswith("gz") else raw)
    assert rows[0] == {"image_id": "b.jpg", "category_id": 1, "bbox": [1.0, 2.0, 30.0, 40.0], "score": 0.25}
    back = read_proposals(tmp_path / name)
    assert list(back) == ["b.jpg", "a.jpg"]
    assert back["b.jpg"].scores.tolist() == [0.75, 0.25] and back["b.jpg"].categories.tolist() == [44, 1]
    torch.testing.assert_close(back["b.jpg"].boxes, FOUND["b.jpg"].boxes.flip(0))
    assert [p.name for p in tmp_path.iterdir()] == [name]  # nothing temporary is left


def test_the_same_proposals_make_the_same_file(tmp_path: Path) -> None:
    for name in ("one.json.gz", "two.json.gz"):
        write_proposals(tmp_path / name, FOUND)
    assert (tmp_path / "one.json.gz").read_bytes() == (tmp_path / "two.json.gz").read_bytes()


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "found.json"
    write_proposals(path, FOUND)
    before = path.read_bytes()
    with pytest.raises(ValueError):
        write_proposals(path, {"c.jpg": FOUND["a.jpg"]._replace(scores=torch.zeros(2))})
    assert path.read_bytes() == before


def test_rounding_leaves_every_box_readable(tmp_path: Path) -> None:
    thin = ProposalSet(torch.tensor([[499.97, 3, 500, 3.04]]), torch.tensor([0.1]), torch.tensor([1]))
    write_proposals(tmp_path / "thin.json", {"a.jpg": thin})
    box = read_proposals(tmp_path / "thin.json")["a.jpg"].boxes[0]
    assert (box[2:] > box[:2]).all() and (box - thin.boxes[0]).abs().max() < 0.11


def test_exactly_the_wanted_images_come_back(tmp_path: Path) -> None:
    write_proposals(tmp_path / "found.json", FOUND)
    back = read_proposals(tmp_path / "found.json", ["a.jpg", "none.jpg", "a.jpg"])
    assert list(back) == ["a.jpg", "none.jpg"]
    assert [tuple(values.shape) for values in back["none.jpg"]] == [(0, 4), (0,), (0,)]


def test_ties_keep_the_order_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "ties.json"
    path.write_text(json.dumps([row(box=[i, 0, 9, 9], score=s) for i, s in enumerate([0.5, 0.9, 0.5, 0.9])]))
    assert read_proposals(path)["a.jpg"].boxes[:, 0].tolist() == [1, 3, 0, 2]


def test_proposals_of_other_images(tmp_path: Path) -> None:
    write_proposals(tmp_path / "found.json", FOUND)
    with pytest.raises(ProposalError, match=r"found.json: none of its images .* \(first wanted: x.jpg\)"):
        read_proposals(tmp_path / "found.json", ["x.jpg", "y.jpg"])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"annotations": []}, "not a COCO results file"),
        (["a.jpg"], "not a COCO results file"),
        ([{"image_id": "a.jpg", "bbox": [1, 2, 3, 4]}], "not a COCO results file"),
        ([row(box=[1, 2, 3])], "not a COCO results file"),
        ([row(box="1 2 3 4")], "not a COCO results file"),
        ([row(score="high")], "not a COCO results file"),
        ([row(box=[1, 2, 0, 4])], "'a.jpg' has a box without area, as most have"),
        ([row(box=[1, 2, 3, -4])], "'a.jpg' has a box without area, as most have"),
        ([row(score=50), row(score=99)], "scores up to 99 look like percent"),
        ([row(box=[0, 0.1, 0.5, 1])], "no coordinate is above 1: the boxes look normalised"),
    ],
)
def test_malformed_files_are_named(tmp_path: Path, content: object, said: str) -> None:
    path = tmp_path / "bad.json"
    path.write_text(json.dumps(content))
    with pytest.raises(ProposalError, match=f"bad.json: .*{said}"):
        read_proposals(path)


def test_a_few_boxes_without_area_are_dropped_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "found.json"
    thin = [row(box=[1, 2, 0, 4]), row("b.jpg", [1, 2, 3, 0]), row(box=[5, 5, -1, 3])]
    path.write_text(json.dumps([row("a.jpg", [i + 1, 2, 3, 4]) for i in range(4)] + thin))
    said = "found.json: 3 boxes without area are left out .first: 'a.jpg', 'b.jpg'"
    with pytest.warns(DataWarning, match=said) as told:
        back = read_proposals(path, ["a.jpg", "b.jpg"])
    assert len(told) == 1 and back["a.jpg"].boxes[:, 0].tolist() == [1, 2, 3, 4] and len(back["b.jpg"].boxes) == 0


def test_names_without_their_endings_and_numbers(tmp_path: Path) -> None:
    path = tmp_path / "found.json"
    path.write_text(json.dumps([row("a", score=0.5), row(12, score=0.25), row("a.jpg", score=0.75), row("other")]))
    back = read_proposals(path, ["a.jpg", "0012.jpg"])
    assert {name: found.scores.tolist() for name, found in back.items()} == {"a.jpg": [0.75, 0.5], "0012.jpg": [0.25]}
    assert list(read_proposals(path)) == ["a", "12", "a.jpg", "other"]
    with pytest.raises(ProposalError, match="found.json: image_id 'a' may be a.png or a.bmp"):
        read_proposals(path, ["a.png", "a.bmp"])
    path.write_text(json.dumps([row(5)]))
    with pytest.raises(ProposalError, match="none of its images .* a.jpg.; give its numbers file names in a list of"):
        read_proposals(path, ["a.jpg"])


def test_missing_cut_and_damaged_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(ProposalError, match="absent.json: no such proposals file"):
        read_proposals(tmp_path / "absent.json")
    path = tmp_path / "found.json.gz"
    write_proposals(path, FOUND)
    whole = path.read_bytes()
    flipped = bytes(b ^ 255 if 20 < i < 30 else b for i, b in enumerate(whole))
    for damaged in (whole[:-20], flipped, b"", b"not gzip", gzip.compress(b"[{")):
        path.write_bytes(damaged)
        with pytest.raises(ProposalError, match="found.json.gz: damaged or not JSON"):
            read_proposals(path)
