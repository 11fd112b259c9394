"""Sliders of the try-out page: where they begin and end, and what they command."""

import jax
import numpy as np
import pytest

from cyclegan_jax.data import condition
from cyclegan_jax.inference.app import sliders
from cyclegan_jax.models import apply
from datasets import temperatures
from tests.inference.made_up import drawn, model, picture


def test_sliders_are_in_degrees_around_the_means_of_training():
  told = condition.Condition('quantiles', ('median', '95th_percentile'), (0, 0.5), (0.1, 0), (1, 1))
  settings = dict(condition='quantiles', ir_range='-20:50,degC', n_residual_blocks=1)
  made = model('demo_cyclegan', told=told, **settings)
  median, upper = sliders.of_model(made, 'rgb_to_ir', temperatures.scale)
  assert median[0] == 'median' and median[1:4] == pytest.approx((4.5, 25.5, 15))
  assert upper[1:4] == pytest.approx((29, 36, 32.5)) and upper.unit == 'degC'
  assert sliders.of_model(made, 'ir_to_rgb', temperatures.scale) == []
  image = picture(32, 48)
  translate = sliders.translation(made, 'rgb_to_ir', temperatures.scale)
  np.testing.assert_array_equal(translate(image, {}), made.translate(image))
  expected = made.translate(image, condition=told.command({'median': 0.2}))
  np.testing.assert_array_equal(translate(image, {'median': 22.0}), expected)
  assert (expected != made.translate(image)).any()
  levels = sliders.of_model(made, 'rgb_to_ir', lambda data, max_value: None)[0]
  assert levels[1:4] == pytest.approx((89.25, 165.75, 127.5)) and levels.unit == 'gray levels'


def test_a_model_that_is_told_nothing_has_none():
  assert sliders.of_model(model(n_residual_blocks=1), 'rgb_to_ir', temperatures.scale) == []


def test_the_programs_of_few_sizes_are_kept(monkeypatch):
  monkeypatch.setattr(sliders, '_PROGRAMS', 1)
  monkeypatch.setattr(apply, '_fitting', set())
  monkeypatch.setattr(apply, '_known', {})
  forgotten = []
  # Only noted: other tests still need theirs.
  monkeypatch.setattr(jax, 'clear_caches', lambda: forgotten.append(len(apply._fitting)))
  translate = sliders.translation(drawn(), 'rgb_to_ir', temperatures.scale)
  for height, expected in ((20, 0), (25, 0), (40, 1)):  # Padded to 32, 32, and 64.
    translate(picture(height, 20), {})
    assert len(forgotten) == expected
  assert forgotten == [0] and not apply._known
