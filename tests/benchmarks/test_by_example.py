"""Figures of translations by example, with a generator that paints the level of the reference."""

import numpy as np
import pytest

from benchmarks import by_example
from cyclegan_jax import config as config_lib
from cyclegan_jax.data.source import make_domains
from cyclegan_jax.inference.model import Model
from datasets.synthetic import layout, render


class Painter:
  """Half of the reference's level, on the luminance."""

  def style(self, x):
    return x.mean((1, 2, 3))[:, None]

  def __call__(self, x, told=None):
    level = np.zeros((len(x), 1)) if told is None else told
    return 0.2 * x.mean(-1, keepdims=True) + 0.5 * level[:, None, None]


def test_slopes_are_those_of_the_painter():
  config = config_lib.make('exemplar', dataset='synthetic', image_size=(32, 32), load_size=(0, 0))
  domains = make_domains(config.data)
  model = Model(config, 0, domains, {'rgb_to_ir': Painter()})
  rendered = [render.counterfactuals(layout.random_scene(0, i), 0, i, 0, 40, 48) for i in (3, 5)]
  found = by_example.measure(model, rendered)
  assert found['scenes'] == 2
  assert found['slope_own'] == pytest.approx(0.5, abs=0.02)
  assert found['slope_other'] == pytest.approx(0.5, abs=0.02)
  assert found['edges'] > 0.9
  assert found['error_kelvin_styled'] > 0 and found['psnr_mean'] < 40


def test_a_slope_is_that_of_each_row():
  x = np.array([[0, 1, 2], [10, 12, 14]], float)
  assert by_example.slope(x, np.array([[5, 7, 9], [1, 1, 1]], float)) == pytest.approx(1.0)
