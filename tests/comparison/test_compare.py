"""Means, spread, and differences of made-up runs."""

import json

import numpy as np
import pytest

from cyclegan_jax.comparison import compare, runs
from cyclegan_jax.errors import UserError
from cyclegan_jax.reports import comparison_page
from tests.comparison import made_up
from tests.comparison.made_up import compared, model, primary


@pytest.fixture(name='two')
def _two(tmp_path):
  return made_up.two(tmp_path)


def test_means_spread_and_runs(two):
  content = compared(two, [('good', 'bad')])
  totals = [run.measurements.per_image['psnr'].mean() for run in two['good'].runs]
  spread = content['models']['good']['metrics']['psnr']
  assert spread['mean'] == pytest.approx(np.mean(totals))
  assert spread['sd'] == pytest.approx(np.std(totals, ddof=1))
  assert (spread['min'], spread['max']) == pytest.approx((min(totals), max(totals)))
  assert [run['psnr'] for run in content['models']['good']['runs']] == pytest.approx(totals)
  assert set(content['baselines']) == {'mean_image', 'some_guess'}
  json.dumps(content, allow_nan=False)


def test_trivial_guesses_are_those_of_the_most_training_pairs(tmp_path):
  models = {}
  for pairs in (8, 0, 32):  # 0: all there are.
    folder, run = tmp_path / str(pairs), made_up.config(train_pairs=pairs)
    guess = dict.fromkeys(made_up.METRICS, 0.5) | {'psnr': float(pairs)}
    made_up.write(folder, run, baselines={'mean_image': guess})
    models[f'pairs{pairs}'] = compare.ComparedModel(
      '', f'pairs{pairs}', [runs.load(folder, 'test')]
    )
  content = compared(models, [])
  assert content['baselines']['mean_image']['psnr'] == 0
  assert content['baselines_train_pairs'] == 0
  del models['pairs0']
  content = compared(models, [])
  assert content['baselines']['mean_image']['psnr'] == content['baselines_train_pairs'] == 32
  note = 'those of the model with the most: '
  assert any(f'{note}32.' in line for line in comparison_page.notes(content))
  del models['pairs8']
  assert compared(models, [])['baselines_train_pairs'] is None


def test_a_difference_is_paired_by_seed_and_by_image(two):
  (found,) = primary(compared(two, [('good', 'bad')]))
  # Equal seeds have equal noise here: every difference is 2, of every image.
  assert found['by_seed'] == pytest.approx([2] * 6) and found['difference'] == pytest.approx(2)
  assert found['interval']['low'] is None and 'same amount' in found['interval']['problem']
  assert found['p'] == found['p_holm'] == found['least_p'] == 2 / 64


def test_only_equal_seeds_are_compared(tmp_path):
  models = {'a': model(tmp_path, 'a', 21, (0, 2, 5)), 'b': model(tmp_path, 'b', 20, (2, 5, 7))}
  (found,) = primary(compared(models, [('a', 'b')]))
  assert found['seeds'] == [2, 5] and found['by_seed'] == pytest.approx([1, 1])
  assert found['p'] == 0.5
  models['b'] = model(tmp_path, 'c', 20, (7,))
  (found,) = primary(compared(models, [('a', 'b')]))
  assert found['difference'] is None and found['p'] is None
  assert 'no seed' in found['interval']['problem']


def test_holm_counts_the_comparisons(two, tmp_path):
  models = {**two, 'third': model(tmp_path, 'third', 21, range(6))}
  pairs = [('good', 'bad'), ('third', 'bad'), ('third', 'good')]
  content = compared(models, pairs)
  assert [result['p_holm'] for result in primary(content)] == pytest.approx([6 / 64] * 3)
  assert content['what_seeds_can_show'] == {
    'comparisons': 3,
    'seeds_needed_for_one': 6,
    'seeds_needed': 7,
  }


def test_interval_over_sequences(tmp_path):
  rng = np.random.default_rng(0)
  models = {}
  for label in 'ab':
    per_image = {name: rng.uniform(size=made_up.N) for name in made_up.METRICS}
    models[label] = model(tmp_path, label, 20, (0, 1), per_image=per_image)
  (found,) = primary(compared(models, [('a', 'b')]))
  first, second = (models[label].runs[0].measurements.per_image['psnr'] for label in 'ab')
  difference = first - second
  interval = found['interval']
  assert (
    interval['mean'] == pytest.approx(difference.mean()) == (pytest.approx(found['difference']))
  )
  assert interval['n_clusters'] == 4 and interval['low'] < interval['mean'] < interval['high']


def test_undefined_values_are_left_out_and_counted(tmp_path):
  models = {}
  for label in 'ab':
    per_image = made_up.values(ord(label), 20)
    per_image['psnr'][:2] = np.inf
    models[label] = model(tmp_path, label, 20, (0, 1), per_image=per_image)
    for run in models[label].runs:
      run.measurements.content['model'].update(psnr=20.0, correlation=None)
  content = compared(models, [('a', 'b')])
  (found,) = primary(content)
  assert found['interval']['left_out'] == 2 and found['interval']['n'] == made_up.N - 2
  (undefined,) = [r for r in content['comparisons'] if r['metric'] == 'correlation']
  assert undefined['difference'] is None and undefined['p'] is None
  assert content['models']['a']['metrics']['correlation']['mean'] is None
  json.dumps(content, allow_nan=False)


def test_an_unknown_primary_metric(two):
  with pytest.raises(UserError, match='ms_ssim'):
    compare.compare(two, [], 'ms_ssim')


@pytest.mark.parametrize(
  'seeds, expected', [((0,), 0), ((0, 1), 0), ((4, 1, 2), 2), ((0, 1, 2, 3), 1)]
)
def test_the_median_run(tmp_path, seeds, expected):
  assert compare.median_run(model(tmp_path, 'a', 20, seeds), 'psnr').config.train.seed == expected


def test_the_median_run_passes_over_undefined_figures(tmp_path):
  found = model(tmp_path, 'a', 20, (0, 1, 2))
  for run in found.runs[1:]:
    run.measurements.content['model']['psnr'] = None
  assert compare.median_run(found, 'psnr').config.train.seed in (1, 2)
