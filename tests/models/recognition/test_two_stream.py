import torch

from actret_core.models.recognition.two_stream import TwoStream, TwoStreamConfig, person_cells


def test_the_person_is_cut_out_of_its_own_image() -> None:
    """Maps of 2 cells of 16 pixels with the values of their cells; a box in the middle of one cell sees it alone."""
    feature_map = torch.arange(8.0).reshape(2, 1, 2, 2)                  # image 0: 0 1 2 3; image 1: 4 5 6 7
    # right in the first row, left in the second
    person = torch.tensor([[24.0, 8, 24.5, 8.5], [8, 24, 8.5, 24.5]])
    cells = person_cells(feature_map, person, image_size=32, roi_size=1)
    torch.testing.assert_close(cells.flatten(), torch.tensor([1.0, 6.0]), atol=0.1, rtol=0)


def test_a_box_over_the_whole_image_averages_like_the_image() -> None:
    """Sampling points stand symmetrically about the cells' centers, so a linear map keeps its mean."""
    feature_map = (torch.arange(4.0)[:, None] + 10 * torch.arange(4.0)).reshape(1, 1, 4, 4)
    cells = person_cells(feature_map, torch.tensor([[0.0, 0, 32, 32]]), image_size=32, roi_size=4)
    torch.testing.assert_close(cells.mean(), feature_map.mean())


def test_image_first_then_person() -> None:
    model = TwoStream(TwoStreamConfig(classes=3, backbone="small", image_size=32, roi_size=3, pooling="max")).eval()
    image, person = torch.randn(2, 3, 32, 32), torch.tensor([[2.0, 3, 20, 30], [0, 0, 9, 9]])
    feature_map = model.backbone(image)
    streams = [feature_map.amax((2, 3)), person_cells(feature_map, person, 32, 3).amax((2, 3))]
    torch.testing.assert_close(model(image, person).embedding, torch.cat(streams, 1))
