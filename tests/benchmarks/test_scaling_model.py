"""The model of docs/scaling.md against closed forms and a count of parameters by hand."""

import pytest

from benchmarks import scaling_model


def test_ring_all_reduce():
  assert scaling_model.exchange(1, 1e9, 1e9, 1e-3) == 0
  # Each of 4 devices sends 2 * 3 pieces of a quarter.
  assert scaling_model.exchange(4, 1e9, 1e9, 1e-3) == pytest.approx(6 * (0.25 + 1e-3))


def test_efficiency_and_least_rows_agree():
  for rate in (10.0, 333.0):
    for link in scaling_model.LINKS.values():
      rows = scaling_model.least_rows(8, rate, 85e6, *link)
      assert scaling_model.efficiency(8, rows, rate, 85e6, *link) >= 0.9
      if rows > 1:
        assert scaling_model.efficiency(8, rows - 1, rate, 85e6, *link) < 0.9


def test_fit_finds_the_line():
  assert scaling_model.fit((1, 2, 4, 8), (10, 13, 19, 31)) == pytest.approx((10, 3, 0), abs=1e-9)


def test_sizes_of_pix2pix():
  # Generator of the published pix2pix with one channel out: 54.4 million at 256x256, 8 levels; at
  # 128x128 one level of 512 channels, a 4x4 convolution each way, is missing.
  size = scaling_model.sizes('pix2pix')
  widths = [3, 64, 128, 256, 512, 512, 512, 512]
  down = sum(16 * a * b for a, b in zip(widths, widths[1:]))
  up = sum(16 * a * b for a, b in ((512, 512), (1024, 512), (1024, 512), (1024, 256), (512, 128),
                                   (256, 64), (128, 1)))
  assert abs(size.generators - down - up) < 0.001 * size.generators
