"""What an evaluation advises where a model does not beat a trivial guess."""

import pytest

from cyclegan_jax.evaluation import results


def content(best, of, checkpoint='best', **more):
  totals = {'mse': 1.0, 'psnr': 10.0, 'ssim': 0.1}
  return {
    'model': totals,
    'baselines': {'constant': {**totals, 'psnr': 12.0, 'ssim': 0.2}},
    'checkpoint': checkpoint,
    'checkpoint_step': best,
    'trained_steps': of,
    **more,
  }


@pytest.mark.parametrize(
  'measured, words, absent',
  [
    (content(2000, 2220), 'More --epochs or more data may help', 'best at'),
    (content(185, 2220), 'Validation was best at step 185 of 2,220', 'may help'),
    (content(185, 2220, overfitting=True), 'Overfitting: validation was best', 'may help'),
    # A step that the user chose says nothing about the best one.
    (content(185, 2220, checkpoint='185'), 'More --epochs or more data may help', 'best at'),
  ],
)
def test_more_epochs_are_advised_only_where_they_may_help(measured, words, absent):
  said = results.verdict(measured)
  assert 'does NOT beat' in said and words in said and absent not in said
