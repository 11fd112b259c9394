"""What is said about the values that IR files use, against numpy over all pixels."""

import numpy as np
import pytest

from cyclegan_jax import radiometry
from datasets import ranges

RNG = np.random.default_rng(0)


def counts(low, high, shape=(40, 50, 1), dtype=np.uint16):
  """Random counts that use low and high."""
  found = RNG.integers(low, high + 1, shape).astype(dtype)
  found.flat[:2] = low, high
  return found


def looked(arrays, span=None):
  return [ranges.look(f'{i}.tiff', array, span) for i, array in enumerate(arrays)]


def test_a_small_part_of_the_range_is_said_with_the_figure_and_the_cure():
  arrays = [counts(7269, 7500), counts(7400, 7881)]
  (text,) = ranges.used_little('ir', looked(arrays))
  assert 'IR images use 7269 to 7881 of 0 to 65535, 0.9 %' in text
  assert '--ir_span=7200:7900 (or --ir_span=auto)' in text
  mean = np.mean([array.mean() for array in arrays])
  errors = [np.mean((array - mean) ** 2) for array in arrays]
  psnr = np.mean([10 * np.log10(65535**2 / error) for error in errors])
  assert f'a constant gets {psnr:.1f} dB' in text


@pytest.mark.parametrize(
  'arrays',
  [
    [counts(0, 65535)],
    [counts(7000, 7100), counts(20000, 20100)],  # Narrow one by one, wide together.
    [counts(0, 255, dtype=np.uint8)],
    [np.full((8, 8, 1), 77, np.uint16)],  # Said elsewhere.
    [],
  ],
)
def test_nothing_is_said_of_others(arrays):
  assert ranges.used_little('ir', looked(arrays)) == []


def test_8_bits_and_rgb_are_looked_at_too():
  (text,) = ranges.used_little('ir', looked([counts(100, 120, dtype=np.uint8)]))
  assert '100 to 120 of 0 to 255' in text and '--ir_span=100:120' in text
  (text,) = ranges.used_little('rgb', looked([counts(0, 4095, (40, 50, 3))]))
  assert 'RGB images use 0 to 4095' in text and '--ir_span' not in text


def test_dead_pixels_do_not_hide_that_the_range_is_small():
  arrays = [counts(7269, 7881, (200, 200, 1)) for _ in range(3)]
  arrays[1][5, 5] = 0
  arrays[2][7, 9] = 65535
  (text,) = ranges.used_little('ir', looked(arrays))
  assert 'all but a few of the IR pixels use' in text and '--ir_span=auto' not in text


@pytest.mark.parametrize('dtype', [np.uint8, np.uint16, np.float32])
def test_pixels_beyond_a_span_are_counted(dtype):
  array = counts(0, 200, dtype=dtype)
  span = radiometry.Range(10, 150, '')
  found = ranges.look('x', array, span)
  assert found.outside == np.sum((array < 10) | (array > 150))
  assert (found.low, found.high) == (0, 200) and found.middle == pytest.approx(
    np.median(array), abs=8
  )


def degrees(low, high, dtype=np.float32):
  return RNG.uniform(low, high, (30, 40, 1)).astype(dtype)


def test_floats_without_a_span_are_counted_and_a_span_is_proposed():
  arrays = [degrees(-4.9, 44) for _ in range(12)]
  arrays[4][3, 5] = np.nan
  (text,) = ranges.floats_refused(looked(arrays))
  assert text.startswith('12 IR images in ') and '0.tiff, 1.tiff' in text and 'and 2 more' in text
  for flag in ('--ir_span=-10:50,degC', '--ir_span=-10:50 ', '--ir_span=auto'):
    assert flag in text
  assert ranges.floats_refused(looked([counts(0, 9)])) == []


@pytest.mark.parametrize('text', ['auto', ''])
def test_kelvin_beside_degrees_is_named(text):
  arrays = [degrees(-5, 45) for _ in range(6)]
  arrays[3] += np.float32(273.15)
  values = looked(arrays)
  found = ranges.complaints(values, text) if text else ranges.floats_refused(values)[1:]
  assert len(found) == 1 and found[0].startswith('3.tiff holds') and 'kelvin' in found[0]
  # Days and nights are no other units.
  assert ranges.complaints(looked([*arrays[:3], degrees(-30, -10)]), 'auto') == []


def test_files_outside_a_span_or_without_numbers_are_refused():
  arrays = [degrees(-5, 45), degrees(-5, 45) + 273.15, np.full((4, 4, 1), np.nan, np.float32)]
  span = radiometry.parse_span('-20:120,degC')
  found = ranges.complaints(looked(arrays, span), '-20:120,degC')
  assert [text.split(' ')[0] for text in found] == ['1.tiff', '2.tiff:']
  assert '100% of its pixels' in found[0] and 'finite' in found[1]


def test_what_a_span_cuts_off_and_what_has_no_data_is_said():
  arrays = [degrees(0, 30), degrees(0, 30)]
  arrays[0][:2, 0] = 80
  arrays[1][0, :3] = np.nan
  span = radiometry.parse_span('-10:50,degC')
  used, outside, invalid = ranges.notes(looked(arrays, span), span)
  assert '--ir_span=-10:50,degC' in used
  assert '2 IR pixels' in outside and '1 images' in outside
  assert invalid.startswith('3 IR pixels') and invalid.endswith('They are in 1.tiff.')


def test_a_span_that_is_much_too_wide_is_said():
  span = radiometry.parse_span('0:65535')
  _, text = ranges.notes(looked([counts(7269, 7881)], span), span)
  assert '0.9 % of the span' in text and text.endswith('--ir_span=7200:7900')


def test_auto_stays_within_what_integers_hold():
  assert ranges.around(looked([counts(65000, 65535)], radiometry.Range(0, 1, ''))).high == 65535
