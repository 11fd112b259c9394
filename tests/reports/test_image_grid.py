"""Where pixels and texts land in the pictures, and which data they survive."""

import numpy as np
import pytest

from cyclegan_jax.reports import image_grid

GAP = image_grid.GAP


def noise(height, width, channels=3, dtype=np.uint8, seed=0):
  high = np.iinfo(dtype).max + 1
  return np.random.default_rng(seed).integers(0, high, (height, width, channels)).astype(dtype)


def is_blank(picture):
  return bool(np.all(picture == 255))


def test_grid_puts_every_pixel_in_its_place():
  images = [[noise(96, 110, seed=2 * row + column) for column in range(2)] for row in range(2)]
  picture = image_grid.grid(images)
  assert picture.shape == (GAP + 2 * (96 + GAP), GAP + 2 * (110 + GAP), 3)
  assert picture.dtype == np.uint8
  for row in range(2):
    for column in range(2):
      top, left = GAP + row * (96 + GAP), GAP + column * (110 + GAP)
      np.testing.assert_array_equal(picture[top : top + 96, left : left + 110], images[row][column])
      picture[top : top + 96, left : left + 110] = 255
  assert is_blank(picture)


def test_grid_enlarges_tiny_images_to_squares_of_pixels():
  image = noise(20, 30, 1)
  picture = image_grid.grid([[image]])[GAP:-GAP, GAP:-GAP]
  assert picture.shape == (100, 150, 3)
  np.testing.assert_array_equal(
    picture, np.kron(image, np.ones((5, 5, 1), np.uint8)).repeat(3, axis=2)
  )


def test_grid_cell_size():
  image = noise(20, 30)
  picture = image_grid.grid([[image]], cell_size=(50, 100))[GAP:-GAP, GAP:-GAP]
  assert picture.shape == (50, 100, 3)
  np.testing.assert_array_equal(picture[5:45, 20:80], image.repeat(2, 0).repeat(2, 1))
  picture[5:45, 20:80] = 255
  assert is_blank(picture)


def test_grid_reduces_large_images_and_keeps_their_aspect():
  image = np.zeros((400, 100, 1), np.uint8)
  picture = image_grid.grid([[image]], cell_size=(100, 100))[GAP:-GAP, GAP:-GAP]
  assert np.all(picture[:, 37:62] == 0)
  assert is_blank(picture[:, :37]) and is_blank(picture[:, 62:])


def test_grid_shows_uint16_divided_by_257():
  values = np.array([0, 257, 385, 386, 128 * 257, 65535], np.uint16)
  image = np.broadcast_to(values[:, None, None], (6, 6, 1)).repeat(16, 0).repeat(16, 1)
  picture = image_grid.grid([[image]])[GAP:-GAP, GAP:-GAP]
  np.testing.assert_array_equal(picture[::16, 0, 0], [0, 1, 1, 2, 128, 255])


def test_titles_do_not_touch_images():
  image = noise(100, 100)
  titles = ['RGB', 'a long title gjpq that needs several lines', 'Immeasurablylongwordsarecut']
  rows = ['first', 'the second with gjpq and a long explanation of several lines']
  plain = image_grid.grid([[image] * 3] * 2)
  titled = image_grid.grid([[image] * 3] * 2, titles=titles, row_titles=rows)
  top, left = titled.shape[0] - plain.shape[0], titled.shape[1] - plain.shape[1]
  assert top > 3 * image_grid.line_height() and 0 < left <= 126
  np.testing.assert_array_equal(titled[top + GAP :, left + GAP :], plain[GAP:, GAP:])
  for column in range(3):
    start = left + GAP + column * (100 + GAP)
    assert not is_blank(titled[:top, start : start + 100])
    assert is_blank(titled[: top + GAP, start + 100 : start + 100 + GAP])
  for row in range(2):
    start = top + GAP + row * (100 + GAP)
    assert not is_blank(titled[start : start + 100, :left])
    assert is_blank(titled[start + 100 : start + 100 + GAP, :left])
  border = titled.copy()
  border[2:-2, 2:-2] = 255
  assert is_blank(border)


def test_row_grows_with_its_title():
  image = noise(10, 100)
  titles = ['many words that need several lines']
  picture = image_grid.grid([[image]], row_titles=titles, cell_size=(10, 100))
  assert picture.shape[0] >= 2 * image_grid.line_height() + 2 * GAP
  assert is_blank(picture[: GAP - 2]) and is_blank(picture[2 - GAP :])


def test_grid_accepts_incomplete_rows_and_mixed_sizes():
  picture = image_grid.grid([[noise(96, 96), noise(48, 48, 1)], [noise(96, 40, 1, np.uint16)]])
  assert picture.shape == (2 * 96 + 3 * GAP, 2 * 96 + 3 * GAP, 3)
  assert is_blank(picture[-96 - GAP :, -96 - GAP :])


@pytest.mark.parametrize(
  'rows, options, error, message',
  [
    ([], {}, ValueError, 'at least one'),
    ([[]], {}, ValueError, 'at least one'),
    ([[noise(9, 9)]], {'titles': ['a', 'b']}, ValueError, 'titles must have 1'),
    ([[noise(9, 9)]], {'row_titles': []}, ValueError, 'row_titles must have 1'),
    ([[noise(9, 9)]], {'cell_size': (9, 0)}, ValueError, 'at least 1'),
    ([[noise(9, 9, 2)]], {}, ValueError, 'height, width, 1 or 3'),
    ([[noise(9, 9)[0]]], {}, ValueError, 'height, width, 1 or 3'),
    ([[noise(9, 9) / 2]], {}, TypeError, 'uint8 or uint16'),
  ],
)
def test_grid_refuses(rows, options, error, message):
  with pytest.raises(error, match=message):
    image_grid.grid(rows, **options)


def test_paper_grid_has_eight_columns_real_beside_generated():
  pairs = [(noise(96, 96, 3, seed=i), noise(96, 96, 1, np.uint8, seed=50 + i)) for i in range(5)]
  picture = image_grid.paper_grid(pairs)
  assert picture.shape[1] == GAP + 8 * (96 + GAP)
  first = picture[-2 * (96 + GAP) : -96 - 2 * GAP]
  for index, image in enumerate(image for pair in pairs[:4] for image in pair):
    left = GAP + index * (96 + GAP)
    np.testing.assert_array_equal(first[:, left : left + 96], np.broadcast_to(image, (96, 96, 3)))
  last = picture[-96 - GAP : -GAP]
  np.testing.assert_array_equal(last[:, GAP : GAP + 96], pairs[4][0])
  assert is_blank(last[:, 2 * (96 + GAP) :])
  assert image_grid.paper_grid(pairs[:1]).shape[1] == GAP + 2 * (96 + GAP)


@pytest.mark.parametrize('max_value, dtype', [(255, np.uint8), (65535, np.uint16), (1, float)])
def test_error_map_follows_its_scale(max_value, dtype):
  reference = np.zeros((1, 6, 1), dtype)
  errors = np.array([0, 1 / 8, 1 / 4, 3 / 8, 1 / 2, 1]) * max_value
  picture = image_grid.error_map(reference, errors.reshape(1, 6, 1).astype(dtype), max_value)
  assert picture.shape == (1, 6, 3) and picture.dtype == np.uint8
  expected = np.array([*image_grid.ERROR_COLORS, image_grid.ERROR_COLORS[-1]])
  assert np.abs(picture[0].astype(int) - expected).max() <= (3 if max_value == 255 else 1)


def test_error_map_is_symmetric_and_averages_channels():
  x, y = noise(4, 5, seed=1), noise(4, 5, seed=2)
  np.testing.assert_array_equal(image_grid.error_map(x, y, 255), image_grid.error_map(y, x, 255))
  error = np.abs(x.astype(float) - y).mean(axis=2, keepdims=True)
  np.testing.assert_array_equal(
    image_grid.error_map(x, y, 255), image_grid.error_map(error, np.zeros_like(error), 255)
  )


def test_error_colors_get_lighter_evenly():
  image = np.linspace(0, 0.5, 200).reshape(1, 200, 1)
  colors = image_grid.error_map(np.zeros_like(image), image, 1)[0] / 255
  linear = np.where(colors <= 0.04045, colors / 12.92, ((colors + 0.055) / 1.055) ** 2.4)
  luminance = linear @ [0.2126, 0.7152, 0.0722]
  lightness = np.where(
    luminance > 0.008856, 116 * np.cbrt(luminance) - 16, 903.3 * luminance
  )  # CIE L*
  assert np.all(np.diff(lightness) > -0.5)
  np.testing.assert_allclose(lightness, np.linspace(0, 97, 200), atol=6)


def test_error_map_marks_nan_and_refuses_other_shapes():
  x, y = np.zeros((2, 2, 2, 1))
  x[0, 0], x[1, 1] = np.nan, np.inf
  picture = image_grid.error_map(x, y, 1)
  assert tuple(picture[0, 0]) == image_grid.UNDEFINED_COLOR
  assert tuple(picture[1, 1]) == image_grid.ERROR_COLORS[-1]
  assert tuple(picture[0, 1]) == (0, 0, 0)
  with pytest.raises(ValueError, match='same shape'):
    image_grid.error_map(x, y[:1], 1)
  with pytest.raises(ValueError, match='1 or 3'):
    image_grid.error_map(x[..., 0], y[..., 0], 1)
