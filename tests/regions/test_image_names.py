import pytest

from actret_core.errors import ProposalError
from actret_core.regions.image_names import match_names

WANTED = ["waving_001.jpg", "000000000139.jpg", "12.png", "2011_000003.jpg", "v1.2.jpg"]


@pytest.mark.parametrize(
    ("image_id", "name"),
    [
        ("waving_001.jpg", "waving_001.jpg"),
        ("waving_001", "waving_001.jpg"),
        ("JPEGImages/waving_001.jpg", "waving_001.jpg"),
        (r"C:\photos\waving_001", "waving_001.jpg"),
        ("v1.2", "v1.2.jpg"),
        (139, "000000000139.jpg"),
        (12, "12.png"),
        (12.0, "12.png"),
        ("000000000139", "000000000139.jpg"),
    ],
)
def test_an_id_means_one_photograph(image_id: str | int, name: str) -> None:
    assert match_names([image_id, image_id], {}, WANTED) == {image_id: name}


@pytest.mark.parametrize("image_id", ["waving_002", "waving_001.png", 2011, 3, -12, 10**400, "", "12.jpg"])
def test_ids_of_other_photographs_are_left_out(image_id: str | int) -> None:
    assert match_names([image_id], {}, WANTED) == {}


def test_an_images_list_decides_what_a_number_means() -> None:
    names = {12: "waving_001.jpg", 1: "train/v1.2.jpg", 2: "other.jpg"}
    assert match_names([1, 12, 2, 139], names, WANTED) == {1: "v1.2.jpg", 12: "waving_001.jpg"}


@pytest.mark.parametrize(("image_id", "wanted"), [("a", ["a.jpg", "a.png"]), (7, ["7.jpg", "007.jpg"])])
def test_two_photographs_for_one_id(image_id: str | int, wanted: list[str]) -> None:
    with pytest.raises(ProposalError, match=f"image_id {image_id!r} may be {wanted[0]} or {wanted[1]};"):
        match_names([image_id], {}, wanted)
    assert match_names([wanted[0]], {}, wanted) == {wanted[0]: wanted[0]}
