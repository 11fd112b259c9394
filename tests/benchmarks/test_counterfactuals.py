"""Figures of counterfactual scenes, with a generator that paints the median that it is told."""

import numpy as np
import pytest

from benchmarks import counterfactuals
from cyclegan_jax import config as config_lib
from cyclegan_jax.data import condition
from cyclegan_jax.data.source import make_domains
from cyclegan_jax.image_files import images
from cyclegan_jax.inference.model import Model
from datasets import temperatures
from datasets.synthetic import layout, render


class Painter:
  def __call__(self, x, told=None):
    level = np.full(len(x), -0.1) if told is None else told[:, 0]
    return np.broadcast_to(level[:, None, None, None], (*x.shape[:-1], 1))


def test_figures_are_those_of_one_scene_by_hand():
  settings = dict(condition='quantiles', norm='batch', image_size=(32, 32), n_downsampling=3)
  config = config_lib.make('regression', dataset='synthetic', **settings)
  domains = make_domains(config.data, condition=condition.of_kind('quantiles'))
  model = Model(config, 0, domains, {'rgb_to_ir': Painter()})
  rendered = render.counterfactuals(layout.random_scene(0, 3), 0, 3, 0, 40, 48)
  rows = counterfactuals.measure(model, [rendered])['offsets']
  assert [row['offset_kelvin'] for row in rows] == list(render.OFFSETS)
  scale = temperatures.scale(config.data, 255)
  for row, rendering in zip(rows, rendered):
    truth = images.resize(rendering.ir, (32, 32), 'area').astype(float)
    for name, level in (('mean', round(0.9 * 127.5)), ('true', round(np.median(truth)))):
      squared = np.mean((truth - level) ** 2)
      assert row[f'psnr_{name}'] == pytest.approx(10 * np.log10(255**2 / squared), abs=0.1)
      bias = scale.values(level) - scale.values(truth).mean()
      assert row[f'bias_kelvin_{name}'] == pytest.approx(bias, abs=0.2)
      assert row[f'error_kelvin_{name}'] == abs(row[f'bias_kelvin_{name}'])
  # Whoever is told nothing is wrong by what the air has changed.
  assert rows[0]['bias_kelvin_mean'] - rows[-1]['bias_kelvin_mean'] > 10


def test_scenes_are_the_test_scenes_of_the_run():
  found = counterfactuals.scenes({'hidden_kelvin': 6.0, 'extra_scenes': 2})
  assert len(found) == 20
  expected = render.render(layout.random_scene(0, 120), 0, 120, 0, 128, 160)
  np.testing.assert_array_equal(found[0][render.OFFSETS.index(0.0)].ir, expected.ir)
