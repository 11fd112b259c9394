"""Errors of whole evaluations in units, and the range that PSNR means."""

import grain
import numpy as np
import pytest

from cyclegan_jax import config as config_lib
from cyclegan_jax.data.source import make_domains
from cyclegan_jax.evaluation import measure, results as results_lib
from cyclegan_jax.reports import evaluation_files

RNG = np.random.default_rng(0)
TRUTH = RNG.integers(0, 65536, (4, 16, 16, 1)).astype(np.uint16)
GUESS = RNG.integers(0, 65536, (4, 16, 16, 1)).astype(np.uint16)


def content(**settings):
  """What metrics.json says of GUESS as the model, and of black as a baseline."""
  config = config_lib.make(dataset='folder', source_dir='x', paired=True, **settings)
  ir = make_domains(config.data, {'rgb': 255, 'ir': 65535})['ir']
  examples = [
    {'ir': ir_image, 'rgb': np.zeros((16, 16, 3), np.uint8), 'id': str(i), 'sequence': ''}
    for i, ir_image in enumerate(TRUTH)
  ]
  at = lambda batch: [int(id_) for id_ in batch['id']]
  predictors = {
    'model': lambda batch: GUESS[at(batch)],
    'constant': lambda batch: np.zeros_like(GUESS)[at(batch)],
  }
  data = grain.MapDataset.source(examples)
  found = measure.measure(predictors, data, ir, 2, lambda line: None)
  return results_lib.result(found, config, ir, 'test', 1)


@pytest.mark.parametrize('settings', [{'ir_span': '-20:120,degC'}, {'ir_range': '-20:120,degC'}])
def test_errors_are_in_kelvin(settings):
  found = content(**settings)
  known = found['in_unit']
  assert (known['unit'], known['range']) == ('K', '-20:120,degC')
  for name, guess in (('model', GUESS), ('constant', np.zeros_like(GUESS))):
    kelvin = (guess.astype(float) - TRUTH) * 140 / 65535
    mae = np.abs(kelvin).mean()
    rmse = np.sqrt((kelvin**2).mean((1, 2, 3))).mean()
    assert known['errors'][name] == pytest.approx({'mae': mae, 'rmse': rmse}, rel=1e-5)
  header, *rows = results_lib.rows(found)
  assert header[-2:] == ['MAE, K', 'RMSE, K'] and all(len(row) == len(header) for row in rows)
  assert rows[0][-2] == f'{known["errors"]["model"]["mae"]:.4g}'


def test_psnr_tells_its_range():
  found = content(ir_span='7200:7900')
  assert 'in_unit' not in found and found['settings']['ir_span'] == '7200:7900'
  assert found['definitions']['psnr'].endswith('of the range 7200:7900 (--ir_span)')
  assert results_lib.rows(found)[0][1] == 'PSNR of 7200:7900'
  assert '| PSNR of 7200:7900 |' in evaluation_files.markdown(found)
  without = content()
  assert results_lib.rows(without)[0][1] == 'PSNR' and 'ir_span' not in str(without['definitions'])
