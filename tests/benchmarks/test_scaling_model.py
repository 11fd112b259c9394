"""The model of docs/explanation/scaling.md against closed forms and parameters counted by hand."""

import itertools

import pytest

from benchmarks import scaling_model


def test_ring_all_reduce():
  assert scaling_model.exchange(1, 1e9, 1e9, 1e-3) == 0
  # Each of 4 devices sends 2 * 3 pieces of a quarter.
  assert scaling_model.exchange(4, 1e9, 1e9, 1e-3) == pytest.approx(6 * (0.25 + 1e-3))


def test_statistics_travel_by_trees():
  without = scaling_model.exchange(8, 1e9, 1e9, 1e-3)
  assert scaling_model.exchange(8, 1e9, 1e9, 1e-3, 10) == pytest.approx(without + 10 * 6e-3)


def test_speed_up():
  assert scaling_model.speed_up(1, 4, 100, 1e9, 1e9, 1e-3, 5) == 1
  # Exchange as long as compute: half of the devices' work is lost.
  assert scaling_model.speed_up(2, 100, 100, 1e9, 1e9, 0.0) == pytest.approx(1)
  assert scaling_model.speed_up(4, 10**9, 100, 1e9, 1e9, 1e-3) == pytest.approx(4, rel=1e-6)


def test_fit_finds_the_line():
  assert scaling_model.fit((1, 2, 4, 8), (10, 13, 19, 31)) == pytest.approx((10, 3, 0), abs=1e-9)


def test_sizes_of_pix2pix():
  size = scaling_model.sizes('pix2pix')
  widths = [3, 64, 128, 256, 512, 512, 512, 512, 512]
  down = sum(16 * a * b for a, b in itertools.pairwise(widths))
  up = sum(
    16 * a * b
    for a, b in (
      (512, 512),
      (1024, 512),
      (1024, 512),
      (1024, 512),
      (1024, 256),
      (512, 128),
      (256, 64),
      (128, 1),
    )
  )
  assert abs(size.generators - down - up) < 0.001 * size.generators


@pytest.mark.slow
def test_cyclegan_has_no_statistics_to_exchange():
  assert scaling_model.sizes('cyclegan').norms == 0
