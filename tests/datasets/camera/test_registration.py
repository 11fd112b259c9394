"""Where the thermal image lies on the photograph, against pixels that are counted by hand."""

import numpy as np
import pytest

from datasets.camera import registration
from datasets.camera.rjpeg import Registration


def numbered(height, width):
  """A photograph in which each pixel says where it is: red is the column, green the row."""
  y, x = np.mgrid[:height, :width]
  return np.stack([x, y, np.zeros_like(x)], -1).astype(np.uint8)


def test_the_whole_photograph_on_a_smaller_grid():
  box = registration.box((60, 80), (15, 20), Registration(1.0, 0, 0))
  assert box == (0, 0, 80, 60)
  placed = registration.register(numbered(60, 80), (15, 20), box)
  # Means of four columns or rows: 1.5, 5.5, ..., rounded by Pillow.
  expected = numbered(60, 80).reshape(15, 4, 20, 4, 3).mean((1, 3))
  np.testing.assert_allclose(placed.rgb, expected, atol=0.5)
  assert placed.rows == slice(0, 15) and placed.columns == slice(0, 20)


def test_a_part_that_is_moved():
  """Half of the width, 40 pixels, around (80 / 2 + 6, 60 / 2 - 4)."""
  box = registration.box((60, 80), (30, 40), Registration(2.0, 6, -4))
  assert box == (26, 11, 40, 30)
  placed = registration.register(numbered(60, 80), (30, 40), box)
  np.testing.assert_array_equal(placed.rgb, numbered(60, 80)[11:41, 26:66])


def test_a_digital_zoom_makes_the_box_larger():
  """The screen shows half of the width of the thermal image, in a third of the photograph."""
  box = registration.box((60, 90), (20, 30), Registration(3.0, 5, 0, zoom=2.0))
  assert box == (45 + 5 - 30, 10, 60, 40)


def test_proportions_are_those_of_the_thermal_image():
  box = registration.box((1000, 800), (120, 160), Registration(1.6, 0, 0))
  assert (box.width, box.height) == (500, 375)
  assert (box.left + 250, box.top + 187.5) == (400, 500)


@pytest.mark.parametrize(
  'x, y, rows, columns',
  [
    (-30, 0, (0, 30), (10, 40)),
    (30, 0, (0, 30), (0, 30)),
    (0, -20, (5, 30), (0, 40)),
    (500, 0, (0, 30), (0, 0)),
    (-500, -500, (0, 0), (0, 0)),
  ],
)
def test_beyond_the_photograph_is_black_and_not_covered(x, y, rows, columns):
  box = registration.box((60, 80), (30, 40), Registration(2.0, x, y))
  placed = registration.register(numbered(60, 80) + 1, (30, 40), box)
  covered = np.zeros((30, 40), bool)
  covered[placed.rows, placed.columns] = True
  expected = np.zeros((30, 40), bool)
  expected[slice(*rows), slice(*columns)] = True
  np.testing.assert_array_equal(covered, expected)
  np.testing.assert_array_equal(placed.rgb.any(-1), expected)


def test_a_pixel_in_part_outside_is_not_covered():
  box = registration.Box(-1.0, 0.0, 40.0, 30.0)
  placed = registration.register(numbered(60, 80), (15, 20), box)
  assert placed.columns == slice(1, 20) and placed.rows == slice(0, 15)
  np.testing.assert_allclose(placed.rgb[0, 1:, 0], np.arange(19) * 2 + 1.5, atol=0.5)


def test_moving_is_in_pixels_of_the_thermal_image():
  box = registration.Box(10.0, 20.0, 40.0, 30.0)
  assert registration.moved(box, (15, 20), 3, -1) == (16, 18, 40, 30)
  # The thermal image moved by (3, -1) shows what it did not before.
  photograph = numbered(60, 80)
  before = registration.register(photograph, (15, 20), box).rgb
  after = registration.register(photograph, (15, 20), registration.moved(box, (15, 20), 3, -1)).rgb
  np.testing.assert_array_equal(after[1:, :-3], before[:-1, 3:])


def test_black_margins_of_the_photograph_are_not_covered():
  """Some cameras fill up their photographs to the size of another one."""
  photograph = np.zeros((60, 80, 3), np.uint8)
  photograph[10:50, 20:70] = numbered(40, 50) + 50
  placed = registration.register(photograph, (30, 40), registration.Box(0, 0, 80, 60))
  assert placed.rows == slice(5, 25) and placed.columns == slice(10, 35)
  np.testing.assert_allclose(
    placed.rgb[5:25, 10:35, 0], np.tile(50.5 + 2 * np.arange(25), (20, 1)), atol=0.5
  )
  bright = registration.register(255 - photograph, (30, 40), registration.Box(0, 0, 80, 60))
  assert bright.rows == slice(0, 30) and bright.columns == slice(0, 40)


def test_a_small_photograph_is_enlarged_smoothly():
  placed = registration.register(numbered(6, 8), (30, 40), registration.Box(0, 0, 8, 6))
  steps = np.diff(placed.rgb[15, :, 0].astype(int))
  assert placed.rgb.shape == (30, 40, 3) and steps.max() <= 1 and (steps == 1).sum() == 7
