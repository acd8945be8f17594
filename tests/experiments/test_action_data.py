"""From a folder to a data set in memory, and what a user would do wrong on the way."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from actret_core.experiments.action_data import find_root, load_data
from actret_core.errors import ConfigError, DataError, ProposalError
from actret_core.models.config import RegionNetConfig
from actret_core.models.recognition.whole_image import WholeImageConfig
from actret_core.models.region_net import RegionNet
from actret_core.regions.proposals import read_proposals, write_proposals
from actret_core.training.embed import embed

MODEL = RegionNetConfig(
    classes=12, backbone="small", image_size=32, k=3, min_score=0.3, blocks=1, heads=2, ffn=16, hidden=8
)


def test_a_real_data_set_needs_a_folder() -> None:
    for root in (None, ""):
        with pytest.raises(
            DataError, match="stanford40: name its folder, or fetch it by `actret download"
        ):
            find_root("stanford40", root)


def test_a_named_folder_is_taken_as_it_is(tmp_path: Path) -> None:
    assert find_root("stanford40", str(tmp_path)) == find_root("playground", tmp_path) == tmp_path
    with pytest.raises(DataError, match="absent"):
        load_data("stanford40", tmp_path / "absent", MODEL)


def test_the_playground_is_drawn_into_the_cache(tmp_path: Path, monkeypatch) -> None:
    drawn = []
    monkeypatch.setattr(
        "actret_core.experiments.action_data.write_playground",
        lambda root, seed, *_: drawn.append((root, seed)) or root,
    )
    monkeypatch.setenv("ACTRET_CACHE", str(tmp_path))
    assert [find_root("playground"), find_root("playground", seed=1)] == [root for root, _ in drawn]
    assert [seed for _, seed in drawn] == [0, 1] and drawn[0] != drawn[1]
    assert {root.parent for root, _ in drawn} == {tmp_path}
    monkeypatch.delenv("ACTRET_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert find_root("playground").parent == tmp_path / "home" / ".cache" / "actret"


def test_an_unknown_data_set_names_the_near_miss(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="did you mean 'stanford40'"):
        load_data("stanford4", tmp_path, MODEL)


@pytest.fixture
def linked(playground: Path, tmp_path: Path) -> Path:
    """The playground's images and lists without a proposals file."""
    for name in ("JPEGImages", "XMLAnnotations", "ImageSplits"):
        (tmp_path / name).symlink_to(playground / name)
    return tmp_path


def test_no_proposals_file_or_several(linked: Path, playground: Path) -> None:
    with pytest.raises(ProposalError, match=r"0 files proposals\*.json\*; name one"):
        load_data("playground", linked, MODEL)
    for name in ("proposals.json.gz", "proposals_other.json.gz"):
        (linked / name).symlink_to(playground / "proposals.json.gz")
    with pytest.raises(ProposalError, match=r"2 files proposals\*.json\*; name one"):
        load_data("playground", linked, MODEL)
    assert load_data("playground", linked, MODEL, linked / "proposals.json.gz").context


def test_no_proposals_where_none_are_wanted(linked: Path) -> None:
    """The person and the whole image alone: a way on for who has neither a detector nor a network."""
    with pytest.raises(ProposalError, match="or do without: --proposals none"):
        load_data("playground", linked, MODEL)
    for none in ("none", Path("none")):
        data = load_data("playground", linked, MODEL, none)
        assert data.no_proposals and {tuple(boxes.shape) for boxes in data.context.values()} == {(0, 4)}
        assert set(data.context) == {*data.train.ids, *data.evaluation.ids}
    assert not load_data("playground", linked, WholeImageConfig(), "none").no_proposals  # it never has regions


def test_corners_instead_of_width_and_height_are_refused(linked: Path, playground: Path) -> None:
    rows = json.loads(gzip.decompress((playground / "proposals.json.gz").read_bytes()))
    for row in rows:
        x, y, width, height = row["bbox"]
        row["bbox"] = [x, y, x + width, y + height]
    (linked / "proposals.json").write_text(json.dumps(rows))
    with pytest.raises(ProposalError, match=r"proposals.json: 9.% of the boxes .* look like \[x0, y0, x1, y1\]"):
        load_data("playground", linked, MODEL)


def test_proposals_of_other_images(linked: Path, playground: Path) -> None:
    found = read_proposals(playground / "proposals.json.gz")
    write_proposals(linked / "proposals.json", {f"other_{name}": value for name, value in found.items()})
    with pytest.raises(ProposalError, match="proposals.json: none of its images is in this data set"):
        load_data("playground", linked, MODEL)


def test_an_image_without_any_proposal_goes_all_the_way(
    linked: Path, playground: Path, tmp_path: Path
) -> None:
    found = read_proposals(playground / "proposals.json.gz")
    few = {name: value for name, value in found.items() if name.startswith("drinking")}
    write_proposals(linked / "proposals.json", few)
    data = load_data("playground", linked, MODEL)
    assert sum(len(boxes) == 0 for boxes in data.context.values()) >= 55
    torch.manual_seed(0)
    found = embed(RegionNet(MODEL), data.dataset(data.evaluation, MODEL), progress=False)
    assert np.isfinite(found.features).all() and np.isfinite(found.logits).all()
