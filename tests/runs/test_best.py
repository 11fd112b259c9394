"""The best validation of a run, overfitting, and how certain the choice is."""

import numpy as np
import pytest

from cyclegan_jax.metrics import selection
from cyclegan_jax.runs import best


def validation(psnr, ssim=None, correlation=None, every=100):
  steps = every * np.arange(1.0, len(psnr) + 1)
  same = np.full(len(psnr), 0.5)
  return {
    'step': steps,
    'psnr': np.array(psnr, float),
    'ssim': same if ssim is None else np.array(ssim),
    'correlation': same if correlation is None else np.array(correlation),
  }


def test_overall_weighs_three_metrics():
  values = {'psnr': 20.0, 'ssim': 0.3, 'correlation': 0.6}
  assert selection.score(values, 'overall') == pytest.approx(1.0 + 0.3 + 0.6)
  assert selection.score(values, 'psnr') == 20
  # Undefined correlation and infinite PSNR are numbers.
  odd = {'psnr': np.inf, 'ssim': 1.0, 'correlation': np.nan}
  assert selection.score(odd, 'overall') == pytest.approx(5 + 1)
  each = {name: np.array([value, value / 2]) for name, value in values.items()}
  np.testing.assert_allclose(selection.score(each, 'overall'), [1.9, 0.95])


def test_an_undefined_figure_is_worse_than_any_other():
  assert selection.rank({'psnr': np.nan}, 'psnr') < selection.rank({'psnr': -5.0}, 'psnr')
  found = best.find(validation([np.nan, 3, np.nan]), 'psnr')
  assert (found.step, found.since) == (200, 1)


def test_a_blurred_start_does_not_win():
  """PSNR falls by 0.1 dB while structure and correlation rise."""
  columns = validation([15.1, 15.0], [0.28, 0.33], [0.58, 0.66])
  assert best.find(columns, 'overall').step == 200
  assert best.find(columns, 'psnr').step == 100


def test_the_first_of_equal_ones_is_the_best_and_patience_counts_from_it():
  columns = validation([10, 12, 12, 11])
  assert best.find(columns, 'overall')[:3] == (200, 2, 400)
  assert best.stopped(columns, 'overall', 2)
  assert not best.stopped(columns, 'overall', 3)
  assert not best.stopped(columns, 'overall', 0)
  assert not best.stopped({}, 'overall', 1)


@pytest.mark.parametrize(
  'psnr, overfits',
  [
    ([10, 16, 15.5, 15, 14.5, 14, 13.5, 13], True),
    ([10, 12, 14, 16, 15], False),  # late
    ([10, 16, 15], False),  # too few afterwards
    ([14, 16, 14, 15.9, 14, 15.8, 14.2, 15.7, 14.1], False),  # up and down
  ],
)
def test_overfitting_is_an_early_best_and_a_clear_fall(psnr, overfits):
  columns = validation(psnr)
  assert best.find(columns, 'psnr').overfits == overfits
  said = ' '.join(best.sentences(columns, 'psnr'))
  assert ('Overfitting' in said) == overfits
  if overfits:
    assert 'best at step 200 of 800' in said and 'do not help' in said


def test_figures_that_a_run_lacks_are_no_error():
  columns = validation([10, 11])
  del columns['correlation']
  assert best.find(columns, 'overall') is None
  assert list(best.sentences(columns, 'overall')) == []


def certainty(scores):
  """The sentence about images [images, steps]."""
  columns = validation(np.mean(scores, 0))
  images = {'step': columns['step'], **{f'image{i}': row for i, row in enumerate(scores)}}
  return list(best.sentences(columns, 'psnr', images))[1]


def test_images_that_agree_are_certain():
  said = certainty(np.tile([10.0, 12.0, 11.0], (15, 1)))
  assert said == '15 images choose: others like them would choose the same step in 100% of cases.'


def test_images_that_disagree_are_not():
  """Two images, each for its own step: of four draws of two, one has only the second image."""
  said = certainty(np.array([[10.0, 13.0], [12.5, 10.0]]))
  share = int(said.split('% of cases')[0].rpartition(' ')[2])
  assert 70 <= share <= 80
  assert 'one from 100 to 200 in 90%' in said
