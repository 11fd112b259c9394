"""Runs that are refused before any work."""

import pytest

from cyclegan_jax import config as config_lib
from cyclegan_jax.errors import UserError
from cyclegan_jax.training import preflight


def test_batch_must_be_divisible_by_devices():
  preflight.check_batch_size(8)
  with pytest.raises(UserError, match='--batch_size=6 .* 4 devices'):
    preflight.check_batch_size(6)


def test_parts_must_divide_each_devices_examples():
  preflight.check_batch_size(16, 2)
  with pytest.raises(UserError, match='--accumulate=3 .* 4 examples of --batch_size=16 .* 12'):
    preflight.check_batch_size(16, 3)
  with pytest.raises(UserError, match='--accumulate=0'):
    config_lib.make(accumulate=0)


def test_steps_beyond_the_learning_rate_are_refused():
  config = config_lib.make(steps=31, decay_start=1, decay_epochs=2)
  preflight.check_schedule(config, steps_per_epoch=11)
  with pytest.raises(UserError, match='--steps=31: .* 3 epochs, or 30 steps'):
    preflight.check_schedule(config, steps_per_epoch=10)


def test_a_folder_with_a_checkpoint_is_no_place_for_a_new_run(tmp_path):
  config = config_lib.make()
  preflight.check_new(config, tmp_path)
  (tmp_path / 'checkpoints' / '12').mkdir(parents=True)
  (tmp_path / 'config.json').write_text(config_lib.to_json(config))
  with pytest.raises(UserError, match=f'--workdir={tmp_path} has a checkpoint already'):
    preflight.check_new(config, tmp_path)
