"""Runs that end early, and what they say about their best step."""

import csv
import types

import numpy as np
import pytest

from cyclegan_jax import config as config_lib
from cyclegan_jax.comparison import runs
from cyclegan_jax.runs import best, reader
from cyclegan_jax.training.hooks.best_step import BestStep
from tests.training.test_loop import rows, train


def hook(workdir, step, patience, said, scores=None):
  config = config_lib.make(best_metric='psnr', patience=patience).train
  validation = types.SimpleNamespace(scores=lambda metric: dict(scores or {'a': 1.0, 'b,c': 2.0}))
  return BestStep(config, workdir, step, validation, said.append)


def test_the_history_continues_from_the_files(tmp_path):
  with (tmp_path / 'validation.csv').open('w') as out:
    csv.writer(out).writerows([['step', 'epoch', 'psnr'], [10, 1, 15.0], [20, 2, 14.0], [30, 3, 9]])
  said = []
  # Step 30 is done again.
  found = hook(tmp_path, 20, 2, said)
  assert not found.finished
  found.on_checkpoint(30, None, {'psnr': 14.5, 'ssim': 0.2})
  assert found.finished
  found.on_end()
  assert '2 validations without improvement' in said[0] and '--patience=2' in said[0]
  assert 'best at step 10 of 30' in said[1]
  # A larger patience goes on.
  assert not hook(tmp_path, 20, 3, said).finished


def test_the_scores_of_few_images_are_kept(tmp_path):
  said = []
  found = hook(tmp_path, 0, 0, said)
  for step, value in ((5, 10.0), (10, 11.0)):
    found.on_checkpoint(step, None, {'psnr': value})
  images = reader.columns(tmp_path / 'validation_images.csv')
  assert list(images) == ['step', 'a', 'b,c'] and images['step'].tolist() == [5, 10]
  found.on_end()
  assert 'images choose' in said[-1]
  many = {str(i): 1.0 for i in range(best.MOST_IMAGES + 1)}
  hook(tmp_path / 'many', 0, 0, said, many).on_checkpoint(5, None, {'psnr': 1.0})
  assert not (tmp_path / 'many').exists()


@pytest.mark.slow
def test_a_run_ends_early_stays_ended_and_goes_on(tiny, tmp_path):
  # Without learning only the running statistics move.
  flags = dict(checkpoint_every=1, learning_rate=1e-12)
  said = train(tiny(steps=40, patience=2, **flags), tmp_path)
  steps = [int(row['step']) for row in rows(tmp_path / 'validation.csv')]
  found = best.find(reader.columns(tmp_path / 'validation.csv'), 'overall')
  assert found.since == 2 and steps[-1] < 40 and f'Trained {steps[-1]} steps' in said
  assert 'Stopped early: 2 validations' in said
  (run,) = reader.read([tmp_path], None)
  assert runs.best.stopped(run.validation, 'overall', 2)
  assert 'This run is complete' in train(tiny(steps=40, patience=2, **flags), tmp_path)
  train(tiny(steps=steps[-1] + 1, **flags), tmp_path)
  again = [int(row['step']) for row in rows(tmp_path / 'validation.csv')]
  assert again == list(range(1, steps[-1] + 2))
  assert np.isfinite(reader.columns(tmp_path / 'validation_images.csv')['step']).all()
