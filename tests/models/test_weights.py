import copy
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torchvision.models import ResNet50_Weights, resnet50

from actret_core.data.dataset import ActionDataset
from actret_core.data.split import subset
from actret_core.data.readers.stanford40 import read_stanford40
from actret_core.errors import CheckpointError, DownloadError
from actret_core.models.backbone import FrontBackbone, ResNetBackbone, SmallBackbone, build_backbone
from actret_core.models.config import RegionNetConfig
from actret_core.models.region_net import RegionNet
from actret_core.models.weights import backbone_of, load_backbone, save_small_backbone
from actret_core.regions.proposals import read_proposals
from actret_core.regions.ranking import rank_split

V1 = "ResNet50_Weights.IMAGENET1K_V1"
HE2016 = {"architecture": "resnet50, stride in the 1x1 convolution of each stage"}


@pytest.fixture(scope="module")
def theirs() -> nn.Module:
    """torchvision's ResNet-50; half precision holds its weights exactly, its batch norms do something."""
    torch.manual_seed(0)
    net = resnet50(weights=None).eval()
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(std=0.1), module.running_var.uniform_(0.5, 1.5)
    return net.half().float()


@pytest.fixture(scope="module")
def ours() -> ResNetBackbone:
    return ResNetBackbone(stride_in_1x1=False).eval()


@pytest.fixture(scope="module")
def parts() -> list[nn.Module]:
    return [FrontBackbone("resnet50").eval(), build_backbone("resnet50", tail=True).eval()]


@pytest.fixture(scope="module")
def state(theirs: nn.Module) -> dict[str, Tensor]:
    return {k: v.half() if v.is_floating_point() else v for k, v in theirs.state_dict().items()}


def save(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str] | None = None) -> Path:
    save_file(tensors, path, metadata)
    return path


def test_a_loaded_backbone_is_torchvision_s(
    tmp_path: Path, theirs: nn.Module, ours: ResNetBackbone, state: dict[str, Tensor]
) -> None:
    """torchvision's forward, written out, up to the pooling; only the file is in half precision."""
    load_backbone(ours, save(tmp_path / "half.safetensors", state))
    image = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        x = theirs.maxpool(theirs.relu(theirs.bn1(theirs.conv1(image))))
        expected = theirs.layer4(theirs.layer3(theirs.layer2(theirs.layer1(x))))
        found = ours(image)
        torch.testing.assert_close(theirs.fc(found.mean((2, 3))), theirs(image))
    torch.testing.assert_close(found, expected)
    assert {p.dtype for p in ours.parameters()} == {torch.float32}


def test_the_same_weights_in_the_other_layout_are_another_function(ours: ResNetBackbone) -> None:
    other = copy.deepcopy(ours)
    for layer in other.layers[1:]:
        layer[0].conv1.stride, layer[0].conv2.stride = (2, 2), (1, 1)
    image = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        left, right = ours(image), other(image)
    assert left.shape == right.shape and not torch.allclose(left, right, rtol=0.1)


def test_metadata_names_the_layout(tmp_path: Path) -> None:
    one = {"conv1.weight": torch.zeros(1)}
    assert backbone_of(save(tmp_path / "he.safetensors", one, HE2016)) == "resnet50_he2016"
    assert backbone_of(save(tmp_path / "plain.safetensors", one)) == "resnet50"
    assert backbone_of(save(tmp_path / "v1.safetensors", one, {"architecture": "resnet50"})) == "resnet50"
    assert backbone_of("ResNet50_Weights.IMAGENET1K_V2") == "resnet50"


def _without(state: dict[str, Tensor], name: str) -> dict[str, Tensor]:
    return {k: v for k, v in state.items() if k != name}


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda s: _without(s, "layer3.4.conv2.weight"), r"lacks \['layers.2.4.conv2.weight'\]"),
        (lambda s: s | {"layer5.0.conv1.weight": torch.zeros(2)}, "unknown .*layer5.0.conv1.weight"),
        (lambda s: s | {"layernorm.weight": torch.zeros(2)}, "unknown .*layernorm.weight"),
        (lambda s: s | {"weight": torch.zeros(2)}, "unknown .*'weight"),
        (lambda s: s | {"conv1.weight": torch.zeros(64, 3, 3, 3)}, "size mismatch for stem.0.weight"),
        (lambda s: {"embedding.weight": torch.zeros(2)}, "lacks"),
        (lambda s: {}, "lacks"),
    ],
)  # fmt: skip
def test_weights_of_another_network_are_refused(
    monkeypatch: pytest.MonkeyPatch, ours: ResNetBackbone, state: dict[str, Tensor], damage, message: str
) -> None:
    monkeypatch.setattr(ResNet50_Weights, "get_state_dict", lambda *_, **__: damage(state))
    with pytest.raises(CheckpointError, match=f"{V1}: not weights of this backbone; .*{message}") as error:
        load_backbone(ours, V1)
    assert "\n" not in str(error.value)


def test_a_file_of_another_network_is_named(tmp_path: Path, ours: ResNetBackbone) -> None:
    with pytest.raises(CheckpointError, match="odd.safetensors: not weights of this backbone; lacks"):
        load_backbone(ours, save(tmp_path / "odd.safetensors", {"embedding.weight": torch.zeros(2)}))


def test_counters_and_the_classifier_may_be_absent(
    monkeypatch: pytest.MonkeyPatch, ours: ResNetBackbone, state: dict[str, Tensor]
) -> None:
    few = {
        k: v for k, v in state.items() if not k.endswith("num_batches_tracked") and not k.startswith("fc.")
    }
    monkeypatch.setattr(ResNet50_Weights, "get_state_dict", lambda *_, **__: few)
    load_backbone(ours, V1)


@pytest.mark.parametrize("content", [None, b"", b"<html>404</html>", b"\x80\x04pickle" * 50])
def test_no_safetensors_file(tmp_path: Path, ours: ResNetBackbone, content: bytes | None) -> None:
    path = tmp_path / "weights.safetensors"
    if content is not None:
        path.write_bytes(content)
    for read in (lambda: backbone_of(path), lambda: load_backbone(ours, path)):
        with pytest.raises(CheckpointError, match="weights.safetensors: not a readable safetensors file"):
            read()


def test_a_folder_is_no_file(tmp_path: Path, ours: ResNetBackbone) -> None:
    folder = tmp_path / "weights.safetensors"
    folder.mkdir()
    with pytest.raises(CheckpointError, match="weights.safetensors: not a readable safetensors file"):
        load_backbone(ours, folder)


def test_a_cut_file(tmp_path: Path, ours: ResNetBackbone) -> None:
    path = save(tmp_path / "cut.safetensors", {"conv1.weight": torch.zeros(64, 3, 7, 7)})
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match="cut.safetensors: not a readable safetensors file"):
        load_backbone(ours, path)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(tmp_path: Path, value: float) -> None:
    path = tmp_path / "small.safetensors"
    broken = SmallBackbone()
    names = [name for name, _ in broken.named_parameters()]
    with torch.no_grad():
        for name in names[2:4]:
            broken.get_parameter(name).view(-1)[3] = value
    save_small_backbone(path, broken)
    untouched = SmallBackbone()
    whole = copy.deepcopy(untouched.state_dict())
    for part in (untouched, FrontBackbone("small"), build_backbone("small", tail=True)):
        with pytest.raises(CheckpointError, match=f"small.safetensors: {names[2]} holds NaN or inf, as do 2 of its"):
            load_backbone(part, path)
    assert all(torch.equal(v, whole[k]) for k, v in untouched.state_dict().items())


@pytest.mark.parametrize("content", [b"", b"<html>404</html>", b"PK\x03\x04" + b"half" * 99, b"\x80\x02}q"])
def test_a_broken_file_in_torch_s_cache_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ours: ResNetBackbone, content: bytes
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    cached = tmp_path / "hub" / "checkpoints" / Path(ResNet50_Weights.IMAGENET1K_V1.url).name
    cached.parent.mkdir(parents=True)
    cached.write_bytes(content)
    with pytest.raises(CheckpointError, match=f"{cached}: not whole weights .*; delete this file") as error:
        load_backbone(ours, V1)
    assert "\n" not in str(error.value)


def test_a_damaged_download_is_to_be_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ours: ResNetBackbone
) -> None:
    def damaged(*_, **__) -> None:
        raise RuntimeError('invalid hash value (expected "0676ba61", got "1")')

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(ResNet50_Weights, "get_state_dict", damaged)
    with pytest.raises(DownloadError, match=f"{V1}: arrived damaged .invalid hash value.*; try again"):
        load_backbone(ours, V1)


def test_a_cache_that_cannot_be_written_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ours: ResNetBackbone
) -> None:
    (tmp_path / "home").write_text("a file where torch wants a folder")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "home"))
    with pytest.raises(DownloadError, match=f"{tmp_path}/home.*; set TORCH_HOME to a folder that can be written"):
        load_backbone(ours, V1)


@pytest.mark.parametrize(
    "name", ["resnet50.pth", "/data/resnet50.pth", "ResNet50_Weights.NEWEST", "resnet.NEWEST", "x"]
)
def test_neither_file_nor_name(ours: ResNetBackbone, name: str) -> None:
    with pytest.raises(CheckpointError, match="no .safetensors file and no torchvision name"):
        load_backbone(ours, name)


def test_torchvision_s_weights_by_name(
    monkeypatch: pytest.MonkeyPatch, ours: ResNetBackbone, state: dict[str, Tensor]
) -> None:
    asked = []
    monkeypatch.setattr(
        ResNet50_Weights, "get_state_dict", lambda self, **_: asked.append(self.name) or state
    )
    load_backbone(ours, V1)
    assert asked == ["IMAGENET1K_V1"]


def test_without_a_network_the_error_says_so(monkeypatch: pytest.MonkeyPatch, ours: ResNetBackbone) -> None:
    def refuse(*_, **__) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(ResNet50_Weights, "get_state_dict", refuse)
    with pytest.raises(DownloadError, match=f"{V1}: cannot be fetched .no route to host"):
        load_backbone(ours, V1)


def test_front_and_tail_take_their_share_of_one_file(
    tmp_path: Path, ours: ResNetBackbone, parts: list[nn.Module], state: dict[str, Tensor]
) -> None:
    path, (front, tail) = save(tmp_path / "half.safetensors", state), parts
    for part in (ours, front, tail):
        load_backbone(part, path)
    image = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        assert torch.equal(tail(front(image)), ours(image))
    assert {p.device.type for p in tail.parameters()} == {"cpu"}


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda s: _without(s, "layer1.0.conv2.weight"), r"lacks \['layers.0.0.conv2.weight'\]"),
        (lambda s: _without(s, "layer4.2.bn3.bias"), r"lacks \['layers.3.2.bn3.bias'\]"),
        (lambda s: s | {"layer5.0.conv1.weight": torch.zeros(2)}, "unknown .*layer5.0.conv1.weight"),
        (lambda s: s | {"conv1.weight": torch.zeros(64, 3, 3, 3)}, "size mismatch for stem.0.weight"),
        (lambda s: {k: v for k, v in s.items() if k.startswith("layer4")}, "lacks"),
    ],
)
def test_a_part_wants_the_weights_of_a_whole(
    monkeypatch: pytest.MonkeyPatch, parts: list[nn.Module], state: dict[str, Tensor], damage, message: str
) -> None:
    """A file that is wrong in the other part is the wrong file; what is refused changes nothing."""
    monkeypatch.setattr(ResNet50_Weights, "get_state_dict", lambda *_, **__: damage(state))
    for part in parts:
        before = {k: v.clone() for k, v in part.state_dict().items()}
        with pytest.raises(CheckpointError, match=f"{V1}: not weights of this backbone; .*{message}"):
            load_backbone(part, V1)
        assert all(torch.equal(v, before[k]) for k, v in part.state_dict().items())


def test_small_weights_do_not_fit_a_tail(tmp_path: Path) -> None:
    save_small_backbone(tmp_path / "small.safetensors", SmallBackbone())
    with pytest.raises(CheckpointError, match="small.safetensors: not weights of this backbone"):
        load_backbone(build_backbone("resnet50", tail=True), tmp_path / "small.safetensors")


def test_small_weights_fill_a_small_front_and_tail(tmp_path: Path) -> None:
    whole, image = SmallBackbone().eval(), torch.randn(1, 3, 32, 32)
    save_small_backbone(tmp_path / "small.safetensors", whole)
    parts = FrontBackbone("small").eval(), build_backbone("small", tail=True).eval()
    for part in (whole, *parts):
        load_backbone(part, tmp_path / "small.safetensors")
    with torch.inference_mode():
        assert torch.equal(parts[1](parts[0](image)), whole(image))


def test_a_small_backbone_survives_its_file(tmp_path: Path) -> None:
    """Half precision on disk: close, and once more the same."""
    path, first = tmp_path / "small.safetensors", SmallBackbone()
    first(torch.randn(4, 3, 32, 32))  # in training, so that the batch norms have something to remember
    save_small_backbone(path, first)
    assert backbone_of(path) == "small" and [p.name for p in tmp_path.iterdir()] == [path.name]
    second, third = SmallBackbone(), SmallBackbone()
    load_backbone(second, path)
    save_small_backbone(path, second)
    load_backbone(third, path)
    image = torch.randn(2, 3, 32, 32)
    found = [backbone.eval()(image) for backbone in (first, second, third)]
    torch.testing.assert_close(found[0], found[1], rtol=0.01, atol=0.01)
    torch.testing.assert_close(found[1], found[2], rtol=0, atol=0)
    assert {p.dtype for p in second.parameters()} == {torch.float32}


def test_small_weights_do_not_fit_a_resnet(tmp_path: Path, ours: ResNetBackbone) -> None:
    save_small_backbone(tmp_path / "small.safetensors", SmallBackbone())
    with pytest.raises(CheckpointError, match="small.safetensors: not weights of this backbone"):
        load_backbone(ours, tmp_path / "small.safetensors")


@pytest.fixture(scope="module")
def photographs(real_data: Path) -> dict[str, Tensor]:
    """Four photographs of the test set, each of another action."""
    root = real_data / "stanford40"
    test = read_stanford40(root, "test")
    few = subset(test, range(0, len(test), len(test) // 4)[:4], "few")
    proposals = read_proposals(next(root.glob("proposals*.json.gz")), [s.image_id for s in few.samples])
    data = ActionDataset(few, rank_split(few, proposals, 10, 0.05), 10, 224)
    return data.prepare(next(iter(DataLoader(data.raw, batch_size=4))))


def test_real_weights_on_real_photographs(real_weights: Path, photographs: dict[str, Tensor]) -> None:
    """The whole model at its real size; the two layouts of one file see different things in a photograph."""
    inputs, views = {name: photographs[name] for name in RegionNet.inputs}, {}
    assert backbone_of(real_weights) == "resnet50_he2016"
    model = RegionNet(RegionNetConfig(backbone="resnet50_he2016", blocks=1)).eval()
    load_backbone(model.backbone, real_weights)
    with torch.inference_mode():
        output = model(**inputs)
        views["he2016"] = model.backbone(inputs["image"]).amax((2, 3))
        with torch.autocast("cpu", torch.bfloat16):
            views["bfloat16"] = model.backbone(inputs["image"]).float().amax((2, 3))
        for layer in model.backbone.layers[1:]:
            layer[0].conv1.stride, layer[0].conv2.stride = (1, 1), (2, 2)
        views["torchvision"] = model.backbone(inputs["image"]).amax((2, 3))
    assert output.embedding.shape == (4, 2048) and torch.isfinite(output.embedding).all()
    similar = {
        name: torch.cosine_similarity(views["he2016"], other).mean().item() for name, other in views.items()
    }
    assert similar["bfloat16"] > 0.99 and similar["torchvision"] < 0.9, similar
