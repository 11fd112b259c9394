"""Tables of comparisons of made-up runs."""

import itertools

import numpy as np
import pytest

from cyclegan_jax.comparison import tables
from tests.comparison import made_up
from tests.comparison.made_up import compared, model, PAPER


def test_a_lower_distance_is_better_and_a_ratio_has_no_direction(tmp_path):
  models = {}
  for label, distance, ratio in (('sharp', 3.0, 1.5), ('blurred', 9.0, 0.4)):
    per_image = made_up.values(0, 20)
    per_image['log_spectral_distance'] = distance + np.linspace(0, 1, made_up.N) ** distance
    per_image['gradient_ratio'] = np.full(made_up.N, ratio)
    models[label] = model(tmp_path, label, 20, range(2), per_image=per_image)
  content = compared(models, [('sharp', 'blurred')], primary='log_spectral_distance')
  header, row = tables.comparisons_table(content, primary=True)
  assert dict(zip(header, row))['better in'] == '2 of 2'
  rows = {row[1]: dict(zip(header, row)) for row in tables.comparisons_table(content, False)}
  assert rows['gradient ratio']['better in'] == '-'
  assert rows['gradient ratio']['difference'] == '+1.10'
  assert rows['PSNR']['better in'] == '0 of 2'


def test_csv(tmp_path):
  two = made_up.two(tmp_path)
  content = compared(two, [('good', 'bad')], paper=PAPER)
  header, *rows = tables.csv_rows(content)
  rows = [dict(zip(header, row)) for row in rows]
  kinds = [key for key, _ in itertools.groupby(row['kind'] for row in rows)]
  assert kinds == ['model', 'run', 'model', 'run', 'baseline', 'paper']
  mean = content['models']['good']['metrics']['psnr']
  assert float(rows[0]['psnr']) == pytest.approx(mean['mean'], rel=1e-6)
  assert float(rows[0]['psnr_sd']) == pytest.approx(mean['sd'], rel=1e-3)
  assert [row['seed'] for row in rows if row['kind'] == 'run'] == [*range(6)] * 2


def test_what_decides_is_first_and_the_best_of_each_column_is_known(tmp_path):
  models = made_up.two(tmp_path, n_seeds=2)
  for name, rmse in (('good', 30.0), ('bad', 9.5)):
    for run in models[name].runs:
      run.measured.content['model'] |= {'rmse': rmse, 'gradient_ratio': rmse}
  content = compared(models, [], primary='rmse', paper=PAPER)
  header, good, bad, guess, *_ = rows = tables.models_table(content)
  assert header[2:5] == ['RMSE', 'PSNR', 'PSNR, pooled'] and header[5] == 'SSIM'
  assert (good[2], bad[2], guess[2]) == ('30.00 ± 0.00', '9.50 ± 0.00', '0.50')
  assert all(len(cell.partition('.')[2]) == 3 for cell in rows[3][5:6])
  best = tables.best_cells(content)
  assert (2, 2) in best and (1, 2) not in best
  assert (1, 3) in best and (2, 3) not in best
  ratio = header.index('gradient ratio')
  assert not {(1, ratio), (2, ratio)} & best
  del models['good']
  assert tables.best_cells(compared(models, [])) == set()


@pytest.mark.parametrize(
  'value, digits, expected',
  [
    (None, 4, '-'),
    (4748.3, 4, '4748'),
    (12345.6, 4, '12346'),
    (0.012345, 3, '0.0123'),
    (1343.2, 2, '1343'),
    (-3214.2, 3, '-3214'),
    (0, 3, '0'),
  ],
)
def test_numbers_have_no_exponents(value, digits, expected):
  assert tables.number(value, digits) == expected
