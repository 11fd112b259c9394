"""Figures for papers: sizes, pixels, details."""

import io

import numpy as np
from PIL import Image
import pytest

from cyclegan_jax.reports.figure import Detail, encode, Figure

RGB = np.zeros((24, 32, 3), np.uint8)
RGB[:, :16] = (200, 10, 60)
RGB[:, 16:] = (0, 120, 240)
IR = np.full((24, 32, 1), 51 * 257, np.uint16)


def figure(**changes):
  columns = {'RGB': [RGB, RGB], 'IR': [IR, IR]}
  return Figure(**{**dict(columns=columns, row_titles=['', '']), **changes})


def drawn(made, width=8.0):
  return np.asarray(Image.open(io.BytesIO(encode(made, width, '.png'))).convert('RGB'))


def test_a_png_has_its_width_at_300_dpi_and_the_images_own_pixels():
  pixels = drawn(figure())
  height, width, _ = pixels.shape
  assert width == pytest.approx(8 / 2.54 * 300, abs=1)
  # Two columns: the quarter of the left one is red, its other half blue, the right one gray.
  row = pixels[height // 4 + 20]
  assert row[width // 8].tolist() == [200, 10, 60]
  assert row[3 * width // 8].tolist() == [0, 120, 240]
  assert row[6 * width // 8].tolist() == [51, 51, 51]
  # No color that is in no image, but those of text: nothing is interpolated.
  left = pixels[height // 4 : height // 2 - 20, : width // 2 - 10].reshape(-1, 3)
  assert len(np.unique(left, axis=0)) == 2


def test_a_detail_is_framed_and_enlarged():
  plain, detailed = drawn(figure()), drawn(figure(details={1: Detail(2, 2, 8, 6)}))
  assert plain.shape == detailed.shape
  changed = (plain != detailed).any(-1)
  half = len(changed) // 2
  assert not changed[: half - 20].any() and changed[half + 20 :].any()
  # The part is red; enlarged it lies in the corner at the lower right, which is blue.
  height, width, _ = plain.shape
  below = detailed[height - 30, width // 2 - 40]
  assert below.tolist() == [200, 10, 60] and plain[height - 30, width // 2 - 40, 2] == 240


def test_equal_figures_are_equal_pdf_files_with_text():
  made = figure(row_titles=['one', 'two'], caption='Street at night')
  data = encode(made, 17, '.pdf')
  assert data.startswith(b'%PDF') and data == encode(made, 17, '.pdf')
  assert b'/Type /Font' in data or b'/FontFile' in data
  taller = encode(figure(row_titles=['one', 'two']), 17, '.png')
  with_caption = encode(made, 17, '.png')
  sizes = [Image.open(io.BytesIO(png)).size for png in (taller, with_caption)]
  assert sizes[0][0] == sizes[1][0] and sizes[0][1] < sizes[1][1]
