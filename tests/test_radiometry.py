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


def test_gray_levels_of_what_is_not_finite():
  values = np.array([np.nan, np.inf, -np.inf, 5], np.float32)
  levels = radiometry.Range(0, 10, '').gray_levels(values)
  np.testing.assert_array_equal(levels, [0, 0, 0, 32768])


@pytest.mark.parametrize(
  'text, expected',
  [('7200:7900.0', '7200:7900'), ('-0.5:1e3,W/m2/sr', '-0.5:1000,W/m2/sr'), ('0:0.1', '0:0.1')],
)
def test_text_is_what_flags_take(text, expected):
  assert radiometry.parse_span(text).text == expected
  assert radiometry.parse_span(expected) == radiometry.parse_span(text)


@pytest.mark.parametrize(
  'low, high, expected',
  [
    (7269, 7881, '7200:7900'),
    (-4.9, 44.2, '-10:50'),
    (0, 4095, '0:5000'),
    (0.31, 0.34, '0.31:0.34'),
    (273, 273, '273:273.0001'),
    (100, 200, '100:200'),
  ],
)
def test_round_spans_hold_the_values(low, high, expected):
  found = radiometry.around(low, high)
  assert found.text == expected and found.low <= low and high <= found.high


@pytest.mark.parametrize('seed', range(20))
def test_round_spans_are_not_much_wider_than_the_values(seed):
  rng = np.random.default_rng(seed)
  low = rng.normal(0, 10.0 ** rng.integers(-2, 4))
  width = 10.0 ** rng.uniform(-1, 4)
  found = radiometry.around(low, low + width)
  assert found.low <= low and low + width <= found.high
  assert found.high - found.low <= 3 * width


def test_limits_of_round_spans():
  assert radiometry.around(65100, 65535, 0, 65535).text == '65100:65535'


@pytest.mark.parametrize(
  'ir_range, ir_span, expected',
  [
    ('', '', None),
    ('', '7200:7900', None),
    ('', 'auto', None),
    ('', '-20:120,degC', (-20, 120, 'degC')),
    ('-20:120,degC', '7200:7900', (-20, 120, 'degC')),
    ('-20:120.0,degC', '-20:120,degC', (-20, 120, 'degC')),
  ],
)
def test_a_span_with_a_unit_says_what_gray_levels_mean(ir_range, ir_span, expected):
  assert radiometry.known(ir_range, ir_span) == expected
  config_lib.make(ir_range=ir_range, ir_span=ir_span)


def test_contradictions_are_refused():
  with pytest.raises(UserError, match='--ir_range=0:1,K and --ir_span=0:2,K contradict'):
    config_lib.make(ir_range='0:1,K', ir_span='0:2,K')


@pytest.mark.parametrize(
  'one, other, same',
  [
    ('auto', '0:1', True),
    ('0:1', '0:1.0', True),
    ('0:1', '0:2', False),
    ('0:1', '0:1,K', False),
    ('', 'auto', False),
    ('', '', True),
  ],
)
def test_spans_that_may_be_one(one, other, same):
  assert radiometry.same_span(one, other) == radiometry.same_span(other, one) == same


@pytest.mark.parametrize(
  'text, expected',
  [
    ('7200:7900', True),
    ('0:65535', True),
    ('0:65536', False),
    ('-10:300', False),
    ('0:1', False),  # Shares, not counts.
    ('0:1000.5', False),
    ('0:1000,K', False),
  ],
)
def test_counts(text, expected):
  assert radiometry.parse_span(text).is_counts == expected
