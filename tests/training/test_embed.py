import numpy as np
import pytest
import torch
from torch import nn

from actret_core.models.config import Output
from actret_core.models.fusion import FusionHead
from actret_core.training.embed import embed, embed_views, mean_view


@pytest.mark.parametrize("batch_size", [1, 4, 64])
def test_it_is_the_model_s_own_forward_in_the_data_set_s_order(
    toy, head: FusionHead, batch_size: int
) -> None:
    data = toy(10)
    found = embed(head, data, batch_size, progress=False)
    assert data.seen == list(range(10))
    for i in range(10):
        with torch.no_grad():
            expected = head.eval()(data.tokens[i : i + 1], torch.ones(1, 4, dtype=torch.bool))
        np.testing.assert_allclose(found.features[i], expected.embedding[0], atol=1e-5)
        np.testing.assert_allclose(found.logits[i], expected.logits[0], atol=1e-5)
    assert found.features.shape == (10, 8) and found.logits.shape == (10, 3)
    assert found.features.dtype == found.logits.dtype == np.float32


def test_dropout_and_batch_norm_are_in_evaluation_mode(toy, head: FusionHead) -> None:
    before = {name: value.clone() for name, value in head.train().state_dict().items()}
    first, second = (embed(head, toy(6), progress=False).features for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert all(torch.equal(before[name], value) for name, value in head.state_dict().items())


def test_the_model_can_learn_afterward(toy, head: FusionHead) -> None:
    data = toy(4)
    embed(head, data, progress=False)
    head(data.tokens, torch.ones(4, 4, dtype=torch.bool)).logits.sum().backward()
    assert head.classifier[0].weight.grad.any()


def test_a_model_with_maps_can_learn_afterward() -> None:
    """Its weights change their layout on the way, and must stay such as can be trained."""

    class Convolution(nn.Module):
        inputs = ("image",)

        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 2, 3)

        def forward(self, image: torch.Tensor) -> Output:
            return Output(self.conv(image).mean((2, 3)), self.conv(image).mean((2, 3)))

    model = Convolution()
    embed(model, [{"image": torch.randn(3, 5, 5)}] * 3, progress=False)
    model(torch.randn(2, 3, 5, 5)).logits.sum().backward()
    assert model.conv.weight.grad.any()


def test_half_precision_is_close_and_stored_as_float32(toy, head: FusionHead) -> None:
    full, half = (
        embed(head, toy(6), precision=p, progress=False).features for p in ("32-true", "bf16-mixed")
    )
    assert half.dtype == np.float32 and not np.array_equal(full, half)
    np.testing.assert_allclose(half, full, atol=0.1)


def test_the_mean_of_views_by_hand() -> None:
    assert mean_view([np.array([[1.0, 2.0]]), np.array([[3.0, 6.0]])]).tolist() == [[2.0, 4.0]]


def test_views_are_averaged_sample_by_sample(toy, head: FusionHead) -> None:
    views = [toy(5, seed=seed) for seed in (0, 1)]
    alone = [embed(head, view, progress=False) for view in views]
    found = embed_views(head, views, progress=False)
    np.testing.assert_allclose(found.features, (alone[0].features + alone[1].features) / 2, atol=1e-6)
    np.testing.assert_allclose(found.logits, (alone[0].logits + alone[1].logits) / 2, atol=1e-6)
    np.testing.assert_array_equal(embed_views(head, views[:1], progress=False).features, alone[0].features)
