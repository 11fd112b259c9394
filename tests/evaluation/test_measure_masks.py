"""Pixels without thermal data count in no figure and in no baseline."""

import grain
import numpy as np
import pytest

from cyclegan_jax import config as config_lib
from cyclegan_jax.data.source import make_domains
from cyclegan_jax.evaluation import baselines, measure, results as results_lib
from cyclegan_jax.reports import evaluation_files
from cyclegan_jax.settings import DataConfig

SIZE = (24, 32)
IR = make_domains(DataConfig())['ir']


def examples(n=5):
  rng = np.random.default_rng(0)
  made = []
  for i in range(n):
    mask = np.zeros((*SIZE, 1), bool)
    mask[2:22, i:28] = True
    made.append(
      {
        'rgb': rng.integers(0, 256, (*SIZE, 3), np.uint8),
        'ir': np.where(mask, rng.integers(0, 256, (*SIZE, 1), np.uint8), np.uint8(0)),
        'ir_mask': mask,
        'id': str(i),
        'sequence': '',
      }
    )
  return made


def test_only_valid_pixels_are_measured():
  made = examples()
  data = grain.MapDataset.source(made)

  def wrong_outside(batch):
    return np.where(batch['ir_mask'], batch['ir'], 255.0)

  def off_by_three(batch):
    return wrong_outside(batch) + 3.0 * batch['ir_mask'] * (batch['ir'] < 128)

  found = measure.measure({'model': wrong_outside, 'other': off_by_three}, data, IR, 2, print)
  assert found['model'].totals['mse'] == 0 and found['model'].totals['ssim'] == 1
  for i, example in enumerate(made):
    share = (example['ir'] < 128)[example['ir_mask']].mean()
    assert found['other'].per_image['mse'][i] == pytest.approx(9 * share, rel=1e-4)
    assert found['model'].per_image[measure.VALID_SHARE][i] == pytest.approx(
      example['ir_mask'].mean(), rel=1e-6
    )


def test_images_with_too_few_valid_pixels_are_left_out_and_counted():
  made = examples()
  made[1]['ir_mask'] = np.zeros((*SIZE, 1), bool)
  made[3]['ir_mask'] = np.zeros((*SIZE, 1), bool)
  made[3]['ir_mask'][4:13, 4:13] = True  # a window of 8x8, none of 11x11
  predict = lambda batch: batch['ir'] * 0.5
  totals = measure.measure({'model': predict}, grain.MapDataset.source(made), IR, 2, print)[
    'model'
  ].totals
  assert (totals['mse_undefined'], totals['ssim_undefined'], totals['uqi_undefined']) == (1, 2, 1)
  assert all(np.isfinite(totals[name]) for name in ('psnr', 'ssim', 'uqi', 'rmse', 'correlation'))
  alone = measure.measure(
    {'model': predict}, grain.MapDataset.source([made[i] for i in (0, 2, 4)]), IR, 2, print
  )['model'].totals
  assert totals['ssim'] == pytest.approx(alone['ssim'], rel=1e-6)


def test_a_diverged_model_is_not_left_out():
  broken = lambda batch: np.full(batch['ir'].shape, np.nan)
  with np.errstate(invalid='ignore'):
    totals = measure.measure({'model': broken}, grain.MapDataset.source(examples()), IR, 5, print)[
      'model'
    ].totals
  assert not any(name.endswith('_undefined') for name in totals if 'correlation' not in name)


def test_the_report_says_how_much_is_compared():
  made = examples()
  predictors = dict.fromkeys(
    (results_lib.MODEL, *baselines.BASELINES), lambda batch: batch['ir'] * 0
  )
  results = measure.measure(predictors, grain.MapDataset.source(made), IR, 4, print)
  config = config_lib.make(dataset='osu', paired=True)
  share = 100 * np.mean([example['ir_mask'].mean() for example in made])
  assert f'{share:.1f} % of all' in evaluation_files.markdown(
    results_lib.result(results, config, IR, 'test', 1)
  )


def test_mean_image_is_over_the_images_in_which_a_pixel_is_valid():
  made = examples()
  mean = baselines._mean_image(grain.MapDataset.source(made), 'ir', print)
  stacked = np.ma.array(
    [example['ir'] for example in made], mask=[~example['ir_mask'] for example in made]
  )
  expected = stacked.mean(0).filled(stacked.mean(0).mean())
  np.testing.assert_allclose(mean, expected, atol=1e-4)
