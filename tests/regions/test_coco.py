"""What a detector, a script or a slip of the hand may leave in a results file."""

import json
from collections import Counter
from pathlib import Path
from random import Random

import pytest

from actret_core.errors import ProposalError
from actret_core.regions.coco import load_results
from actret_core.regions.proposals import read_proposals

ROW = {"image_id": "a.jpg", "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5}
HUGE = int("9" * 400)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"category_id": None}, "category_id None; expected a whole number"),
        ({"category_id": "person"}, "category_id 'person'"),
        ({"category_id": HUGE}, "category_id 9999"),
        ({"category_id": 1.5}, "category_id 1.5"),
        ({"category_id": [1]}, "category_id [1]"),
        ({"image_id": ["a.jpg"]}, "image_id ['a.jpg']; expected a file name or a whole number"),
        ({"image_id": {"name": "a.jpg"}}, "image_id {'name': 'a.jpg'}"),
        ({"image_id": None}, "image_id None"),
        ({"image_id": True}, "image_id True"),
        ({"image_id": 1.5}, "image_id 1.5"),
        ({"bbox": [1, 2, HUGE, 4]}, "bbox [1, 2, 9999"),
        ({"bbox": [1, 2, 1e300, 4]}, "bbox [1, 2, 1e+300, 4]"),
        ({"bbox": [1, 2, float("inf"), 4]}, "bbox [1, 2, inf, 4]"),
        ({"bbox": [1, float("nan"), 3, 4]}, "bbox [1, nan, 3, 4]; expected [x, y, width, height], four finite"),
        ({"bbox": [1, 2, 3, "4"]}, "bbox [1, 2, 3, '4']"),
        ({"bbox": [1, 2, 3, True]}, "bbox [1, 2, 3, True]"),
        ({"bbox": {"x": 1}}, "bbox {'x': 1}"),
        ({"score": float("nan")}, "score nan; expected a number from 0 to 1"),
        ({"score": HUGE}, "score 9999"),
        ({"score": True}, "score True"),
        ({"score": None}, "score None"),
    ],
)
def test_the_first_wrong_field_is_named(tmp_path: Path, change: dict[str, object], said: str) -> None:
    (tmp_path / "bad.json").write_text(json.dumps([ROW, ROW | change]))
    with pytest.raises(ProposalError) as raised:
        load_results(tmp_path / "bad.json")
    assert "bad.json: not a COCO results file" in str(raised.value)
    assert f"result 1 has {said}" in str(raised.value) and len(str(raised.value)) < 400


@pytest.mark.parametrize("content", ["[" * 100_000, "[" * 100_000 + "]" * 100_000, "[" + "9" * 5000 + "]", "\x00", "{"])
def test_what_is_no_json(tmp_path: Path, content: str) -> None:
    (tmp_path / "bad.json").write_text(content)
    with pytest.raises(ProposalError, match="bad.json: damaged or not JSON"):
        load_results(tmp_path / "bad.json")


def test_an_images_list_gives_the_names(tmp_path: Path) -> None:
    path = tmp_path / "found.json"
    content = {"images": [{"id": 7, "file_name": "x/a.jpg"}], "annotations": [ROW | {"image_id": 7}]}
    path.write_text(json.dumps(content))
    assert load_results(path).names == {7: "x/a.jpg"}
    assert list(read_proposals(path, ["a.jpg", "b.jpg"])["a.jpg"].scores) == [0.5]


@pytest.mark.parametrize("image", [7, {"id": 7}, {"id": [7], "file_name": "a.jpg"}, {"id": 7, "file_name": None}])
def test_a_wrong_images_list(tmp_path: Path, image: object) -> None:
    (tmp_path / "bad.json").write_text(json.dumps({"images": [image], "annotations": [ROW]}))
    with pytest.raises(ProposalError, match="bad.json: not a COCO results file .*: image 0 has "):
        load_results(tmp_path / "bad.json")


def test_without_category_and_plain_under_a_gzip_name(tmp_path: Path) -> None:
    """Some detectors find objects of one kind; some programs unpack a file and leave its name."""
    row = {key: value for key, value in ROW.items() if key != "category_id"}
    (tmp_path / "found.json.gz").write_text(json.dumps([row]))
    assert read_proposals(tmp_path / "found.json.gz")["a.jpg"].categories.tolist() == [0]


ODD = [None, True, "", "a", "\ud800", -1, 0, 1e-9, 3.5, 1e300, HUGE, float("nan"), [], {}, [[1]], ROW, {"a": [1]}]


def drawn_file(rng: Random) -> object:
    """A results file in which about one value of thirty is odd."""

    def value(*usual: object) -> object:
        return rng.choice(ODD) if rng.random() < 0.03 else rng.choice(usual)

    def row() -> object:
        bbox = [value(1, 7, 20, 99) for _ in range(rng.choice((4,) * 60 + (3, 5)))]
        fields = [("image_id", value("a.jpg", "a", 3, 3.0, "b")), ("bbox", value(bbox)), ("score", value(0, 0.5, 1))]
        return value({key: it for key, it in [*fields, ("category_id", value(1, 7))] if rng.random() < 0.99})

    rows = value([row() for _ in range(rng.randrange(4))])
    images = value([value({"id": value(1, 3, "a"), "file_name": value("a.jpg", "x/b.jpg")})])
    return value(rows, {"images": images, "annotations": rows})


@pytest.mark.filterwarnings("ignore:.*boxes without area")
@pytest.mark.parametrize("examples", [2_000, pytest.param(50_000, marks=pytest.mark.slow)])
def test_whatever_is_in_the_file_only_our_error_comes(tmp_path: Path, examples: int) -> None:
    path, outcomes = tmp_path / "any.json", Counter()
    for seed in range(examples):
        path.write_text(json.dumps(drawn_file(Random(seed))))
        try:
            read_proposals(path, ["a.jpg", "b.jpg", "003.jpg"])
            outcomes["read"] += 1
        except ProposalError as error:
            assert "any.json: " in str(error) and str(error).encode(), seed
            outcomes["refused"] += 1
    assert min(outcomes["read"], outcomes["refused"]) > examples / 10
