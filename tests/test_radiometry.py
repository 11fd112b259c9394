"""--ir_range: what it may say, and gray levels in its unit."""

import numpy as np
import pytest

from cyclegan_jax import config as config_lib, radiometry
from cyclegan_jax.errors import UserError
from cyclegan_jax.settings import DataConfig


@pytest.mark.parametrize(
  'text, expected',
  [
    ('-20:120,degC', (-20.0, 120.0, 'degC')),
    ('0:1e3,W/m2/sr', (0.0, 1000.0, 'W/m2/sr')),
    ('253.15:393.15,K', (253.15, 393.15, 'K')),
    ('0:1,°C, apparent', (0.0, 1.0, '°C, apparent')),
  ],
)
def test_parsing(text, expected):
  assert radiometry.parse(text) == expected
  assert config_lib.make(ir_range=text).data.ir_range == text


def test_without_it_there_is_no_unit():
  assert radiometry.parse(DataConfig().ir_range) is None


@pytest.mark.parametrize('max_value, dtype', [(255, np.uint8), (65535, np.uint16)])
def test_values_are_a_line_through_both_ends(max_value, dtype):
  gray = np.array([0, max_value // 3, max_value], dtype)
  # A third of both 255 and 65535 is a whole number.
  np.testing.assert_allclose(
    radiometry.Range(-30, 60, 'degC').values(gray, max_value), [-30, 0, 60], atol=1e-12
  )


@pytest.mark.parametrize(
  'text, expected',
  [
    ('7000:8200', (7000, 8200, '')),
    ('-20:120,degC', (-20, 120, 'degC')),
    ('', None),
    ('auto', None),
  ],
)
def test_spans(text, expected):
  assert radiometry.parse_span(text) == expected


@pytest.mark.parametrize('text', ['7000', '8200:7000', '7000:8200,', 'nan:1', '0:inf', '1:2, K'])
def test_spans_that_are_none(text):
  with pytest.raises(UserError, match='--ir_span='):
    radiometry.parse_span(text)


@pytest.mark.parametrize('dtype', [np.float32, np.float64, np.uint16])
def test_gray_levels_of_a_span(dtype):
  span = radiometry.Range(1000, 2000, '')
  values = np.array([900, 1000, 1500, 1999, 2000, 2100], dtype)
  levels = span.gray_levels(values)
  assert levels.dtype == np.uint16
  np.testing.assert_array_equal(levels, [0, 0, 32768, 65469, 65535, 65535])
  inside = values.clip(1000, 2000)
  np.testing.assert_allclose(span.values(levels, 65535), inside, atol=1000 / 65535 / 2 + 1e-9)
