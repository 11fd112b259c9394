"""Tables of trained on by tested on."""

import dataclasses

import numpy as np
import pytest

from cyclegan_jax.comparison import runs as runs_lib, transfer
from cyclegan_jax.errors import UserError
from cyclegan_jax.metrics import statistics
from tests.comparison import made_up


@pytest.fixture
def made(tmp_path):
  """Makes a measured run: of a seed, with a level of PSNR, on the images of a name."""

  def make(seed, level, images='a'):
    folder = tmp_path / f'{seed}-{level}-{images}'
    made_up.write(folder, made_up.config(seed), level, split_sha256=images, pictures=False)
    return runs_lib.load(folder, 'test')

  return make


def test_a_cell_has_mean_spread_and_interval(made):
  levels = {0: 20.0, 1: 24.0}
  runs = [made(seed, level) for seed, level in levels.items()]
  content = transfer.transfer({('street', 'park'): runs})
  (cell,) = content['cells']
  assert (cell['trained_on'], cell['tested_on'], cell['seeds']) == ('street', 'park', [0, 1])
  per_image = [made_up.values(seed, level)['psnr'] for seed, level in levels.items()]
  by_seed = [np.mean(values) for values in per_image]
  assert cell['psnr']['by_seed'] == pytest.approx(by_seed)
  assert cell['psnr']['mean'] == pytest.approx(np.mean(by_seed))
  assert cell['psnr']['sd'] == pytest.approx(np.std(by_seed, ddof=1))
  clusters = runs[0].measured.clusters
  wanted = statistics.clustered_interval(np.mean(per_image, axis=0), clusters)
  assert cell['psnr']['interval'] == wanted.bounds
  assert wanted.low < cell['psnr']['mean'] < wanted.high


def test_tables_have_a_row_for_each_model_and_baseline(made):
  cells = {
    ('street', 'street'): [made(0, 25.0)],
    ('street', 'park'): [made(0, 17.0, 'b')],
    ('park', 'park'): [made(0, 25.0, 'b')],
  }
  content = transfer.transfer(cells)
  rows = transfer.table(content, 'psnr')
  assert rows[0] == ['PSNR, trained on', 'tested on street', 'tested on park']
  assert [row[0] for row in rows[1:3]] == ['street', 'park']
  means = [float(cell.split(' (')[0]) for cell in rows[1][1:]]
  assert means == pytest.approx([25, 17], abs=0.2)
  assert all(cell.endswith(')') and ' to ' in cell for cell in rows[1][1:])
  assert rows[2][1] == '-'
  assert rows[3:] == [
    ['baseline: mean training IR image', '15', '15'],
    ['baseline: some_guess', '16', '16'],
  ]
  found = list(transfer.csv_rows(content))
  assert len({len(row) for row in found}) == 1
  line = next(row for row in found if row[:3] == ['street', 'park', 'psnr'])
  assert line[3:5] == [1, made_up.N]
  mean = made_up.values(0, 17.0)['psnr'].mean()
  assert float(line[5]) == pytest.approx(mean, rel=1e-5)


def test_a_column_is_of_the_same_images(made):
  cells = {('a', 'x'): [made(0, 20.0)], ('b', 'x'): [made(0, 20.0, 'other')]}
  with pytest.raises(UserError, match="cannot be compared.*the split's images"):
    transfer.transfer(cells)


def test_a_metric_that_was_not_measured_is_a_dash(made):
  found = made(0, 20.0)
  bare = {name: value for name, value in found.measured.content['model'].items() if name == 'psnr'}
  content = {**found.measured.content, 'model': bare}
  measurements = dataclasses.replace(found.measured, content=content)
  content = transfer.transfer({('a', 'x'): [dataclasses.replace(found, measurements=measurements)]})
  assert transfer.table(content, 'ssim')[1] == ['a', '-']
