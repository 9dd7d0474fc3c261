"""The convolutions that see pictures: sizes, independence of the batch, what augmentation moves."""

import pytest
import torch

from tests.tolerances import FLOAT32, assert_agrees
from unrolled.networks.picture_encoder import CELLS, PictureEncoder, halvings_for, moved


@pytest.mark.parametrize(("height", "width"), [(20, 96), (7, 5), (1, 1), (64, 64), (128, 9)])
def test_the_grid_is_small_and_is_what_the_network_gives(height, width):
    encoder = PictureEncoder(height, width, 3, 4)
    found = encoder(torch.randint(0, 256, (2, 3, height, width)).float())
    assert found.shape == (2, encoder.features, encoder.rows, encoder.columns)
    assert encoder.rows * encoder.columns <= CELLS
    count = halvings_for(height, width)
    assert count == 1 or -(-height // 2 ** (count - 1)) * -(-width // 2 ** (count - 1)) > CELLS


def test_a_picture_gives_the_same_alone_and_beside_others():
    torch.manual_seed(0)
    encoder = PictureEncoder(9, 14, 1, 8)
    pictures = torch.randint(0, 256, (3, 1, 9, 14)).float()
    encoder.fit(pictures)
    seen = (pictures - encoder.mean) / encoder.deviation
    assert_agrees(seen.mean(), torch.zeros(()), tolerance=FLOAT32)
    with torch.no_grad():
        together = encoder(pictures)
        for row in range(3):
            assert_agrees(encoder(pictures[row : row + 1])[0], together[row], tolerance=FLOAT32)


def test_pictures_of_one_colour_do_no_harm():
    encoder = PictureEncoder(4, 4, 1, 8)
    encoder.fit(torch.full((2, 1, 4, 4), 7.0))
    assert encoder(torch.full((1, 1, 4, 4), 7.0)).isfinite().all()


def test_moving_moves_a_little_and_each_picture_in_its_own_way():
    pictures = torch.zeros(2, 1, 12, 30)
    pictures[:, :, 4:8, 10:20] = 255
    assert_agrees(moved(pictures, 0.0), pictures, tolerance=FLOAT32)
    torch.manual_seed(0)
    found = moved(pictures, 0.1)
    assert not torch.equal(found[0], found[1])
    assert 0.5 < float(found.sum() / pictures.sum()) < 1.5
    centre = (found.sum((1, 2)) * torch.arange(30)).sum(1) / found.sum((1, 2, 3))
    assert (centre - 14.5).abs().max() < 4  # a tenth of each half, and a little by turning


def test_a_turn_keeps_shapes_on_pictures_that_are_not_square():
    """A disc stays a disc."""
    y, x = torch.meshgrid(torch.arange(20) - 9.5, torch.arange(60) - 29.5, indexing="ij")
    disc = ((x**2 + y**2) < 16).float()[None, None] * 255
    torch.manual_seed(3)
    for _ in range(5):
        found = moved(disc, 0.2)[0, 0]
        total = found.sum()
        spread = []
        for places in (x, y):
            middle = (found * places).sum() / total
            spread.append(float(((found * (places - middle) ** 2).sum() / total).sqrt()))
        assert abs(spread[0] / spread[1] - 1) < 0.06
