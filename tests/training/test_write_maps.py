import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from actret_core.data.dataset import read_image
from actret_core.data.maps import MapDataset, MapInfo
from actret_core.data.sample import ActionSplit
from actret_core.data.split import subset
from actret_core.data.readers.stanford40 import read_stanford40
from actret_core.data.store import Store
from actret_core.data.transforms import normalize, squash
from actret_core.errors import ConfigError, DataError
from actret_core.models.backbone import FrontBackbone
from actret_core.models.config import RegionNetConfig
from actret_core.models.region_net import RegionNet
from actret_core.training import maps
from actret_core.training.config import TrainConfig
from actret_core.training.embed import embed
from actret_core.training.fit import fit
from actret_core.training.maps import write_maps

SIZE = 32


@pytest.fixture
def split(playground: Path) -> ActionSplit:
    return subset(read_stanford40(playground, "train"), range(5), "five")


@pytest.fixture(scope="module")
def front() -> FrontBackbone:
    torch.manual_seed(0)
    return FrontBackbone("resnet50").eval()


def write(split: ActionSplit, front: FrontBackbone, path: Path, **change) -> Store:
    options = {"image_size": SIZE, "batch_size": 2, "precision": "32-true", "progress": False} | change
    return write_maps(split, front, path, **options)


@pytest.fixture
def store(split: ActionSplit, front: FrontBackbone, tmp_path: Path) -> Store:
    return write(split, front, tmp_path / "sub" / "five.maps")


def as_seen(image: Tensor) -> Tensor:
    """uint8 [3, H, W] -> [1, 3, S, S]."""
    return normalize(squash(image, SIZE) / 255)[None]


def test_maps_are_the_front_s_of_image_and_mirror(split: ActionSplit, front: FrontBackbone, store: Store) -> None:
    assert store.values.shape == (5, 2, 1024, 2, 2) and store.values.dtype == np.float16
    for i in range(5):
        image = as_seen(read_image(split.samples[i].image))
        with torch.inference_mode():
            expected = torch.cat([front(image), front(image.flip(3))])
        found = torch.from_numpy(store.values[i].astype(np.float32))
        torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4)
    assert not np.allclose(store.values[:, 0], store.values[:, 1], rtol=0.1)
    assert sorted(p.name for p in store.path.parent.iterdir()) == ["five.maps", "five.maps.json", "five.maps.lock"]


def test_half_precision_is_close_and_said(split: ActionSplit, front: FrontBackbone, store: Store) -> None:
    half = write(split, front, store.path.with_name("half.maps"), precision="bf16-mixed")
    assert (store.info.precision, half.info.precision) == ("32-true", "bf16-mixed")
    full, rough = (torch.from_numpy(s.values.astype(np.float32)).flatten(1) for s in (store, half))
    assert torch.cosine_similarity(full, rough).min() > 0.99 and not torch.equal(full, rough)


def test_persons_of_one_photograph_are_computed_once(split: ActionSplit, front: FrontBackbone, tmp_path: Path) -> None:
    copies = tuple(replace(s, id=f"{s.id}_{i}") for s in split.samples[:2] for i in range(2))
    store = write(replace(split, samples=copies), front, tmp_path / "copies.maps")
    assert store.values.shape[0] == 2 and store.info.names == tuple(s.image_id for s in split.samples[:2])


def test_the_person_s_view_is_its_crop_of_the_photograph(
    split: ActionSplit, front: FrontBackbone, tmp_path: Path
) -> None:
    store = write(split, front, tmp_path / "persons.maps", view="person")
    assert store.info.names == tuple(split.ids)
    x0, y0, x1, y1 = (int(v) for v in split.samples[2].person)
    assert (x0, y0, x1, y1) == split.samples[2].person, "whole pixels"
    crop = read_image(split.samples[2].image)[:, y0:y1, x0:x1]
    with torch.inference_mode():
        expected = front(as_seen(crop))
    torch.testing.assert_close(torch.from_numpy(store.values[2, :1].astype(np.float32)), expected, rtol=1e-3, atol=1e-4)


def test_an_unknown_view(split: ActionSplit, front: FrontBackbone, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="view='crop': expected one of image, person"):
        write(split, front, tmp_path / "x.maps", view="crop")


def test_a_finished_store_is_not_computed_again(
    split: ActionSplit, front: FrontBackbone, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maps, "_maps", lambda *_: pytest.fail("computed again"))
    for precision in ("32-true", "bf16-mixed"):
        assert write(split, front, store.path, precision=precision).info == store.info


def interrupt(monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    """Let the power fail before batch number `after`, counted from zero."""
    compute, seen = maps._maps, []

    def failing(*args):
        seen.append(len(seen))
        if len(seen) > after:
            raise RuntimeError("the power is gone")
        return compute(*args)

    monkeypatch.setattr(maps, "_maps", failing)


def test_a_half_written_store_is_continued(
    split: ActionSplit, front: FrontBackbone, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = store.path.with_name("again.maps")
    with monkeypatch.context() as patch, pytest.raises(RuntimeError, match="the power is gone"):
        interrupt(patch, after=2)
        write(split, front, path)
    with pytest.raises(DataError, match="again.maps.json: not a readable description of maps"):
        Store(path, MapInfo)
    computed, compute = [], maps._maps
    monkeypatch.setattr(maps, "_maps", lambda f, images, i: computed.append(len(images)) or compute(f, images, i))
    again = write(split, front, path)
    assert computed == [1]
    np.testing.assert_allclose(again.values, store.values, rtol=1e-3, atol=1e-4)
    assert not Path(f"{path}.part").exists()


OTHERS = {
    "view": (lambda _: {"view": "person"}, "view 'image' (wanted 'person')"),
    "size": (lambda _: {"image_size": 64}, "image_size 32 (wanted 64), shape (1024, 2, 2) (wanted (1024, 4, 4))"),
    "layout": (lambda _: {"front": FrontBackbone("resnet50_he2016")}, "backbone 'resnet50' (wanted 'resnet50_"),
    "weights": (lambda _: {"front": FrontBackbone("resnet50")}, "weights "),
}


@pytest.mark.parametrize("other", OTHERS)
def test_a_store_of_another_kind_is_refused(
    split: ActionSplit, front: FrontBackbone, store: Store, other: str
) -> None:
    change, message = OTHERS[other]
    with pytest.raises(DataError, match="maps of another kind: .*" + re.escape(message)):
        write(**{"split": split, "front": front, "path": store.path} | change(split))


def test_maps_beyond_float16_are_refused(split: ActionSplit, tmp_path: Path) -> None:
    loud = FrontBackbone("resnet50")
    torch.nn.init.constant_(loud.layers[2][5].bn3.bias, 1e6)
    with pytest.raises(DataError, match="a map does not fit into float16"):
        write(split, loud, tmp_path / "loud.maps")


def test_only_the_tail_and_the_head_learn(
    split: ActionSplit, front: FrontBackbone, store: Store, tmp_path: Path
) -> None:
    """The reduced protocol end to end: fit and embed take maps as they take images."""
    config = RegionNetConfig(
        classes=len(split), on_maps=True, image_size=SIZE, k=2, blocks=1, heads=2, ffn=8, hidden=8
    )
    context = {name: torch.tensor([[0.0, 0, 20, 20]]) for name in split.ids}
    train = MapDataset(split, context, config.k, store, mirror=0.5)
    train.targets = torch.eye(len(split))  # an action each: none may be absent
    model = RegionNet(config)
    quick = TrainConfig(
        epochs=1, batch_size=3, mixup=0.0, held_out=0.0, precision="32-true", workers=0, freeze_bn_stats=True
    )
    before = {name: value.clone() for name, value in model.state_dict().items()}
    assert fit(model, train, None, quick, tmp_path / "run", progress=False).epochs == 1
    changed = {n.split(".")[0] for n, v in model.state_dict().items() if not torch.equal(v, before[n])}
    assert changed == {"backbone", "head"}
    found = embed(model, MapDataset(split, context, config.k, store), progress=False)
    assert found.features.shape == (5, 2048) and np.isfinite(found.features).all()
