"""Runs that are refused before any work."""

import pathlib

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
  with pytest.raises(UserError, match='keeps both. .* --initialize_from=runs/a$'):
    preflight.check_schedule(config, steps_per_epoch=10, begun=pathlib.Path('runs/a'))


def test_a_folder_with_a_checkpoint_is_no_place_for_a_new_run(tmp_path):
  config = config_lib.make()
  preflight.check_new(config, tmp_path)
  (tmp_path / 'checkpoints' / '12').mkdir(parents=True)
  (tmp_path / 'config.json').write_text(config_lib.to_json(config))
  with pytest.raises(UserError, match=f'--workdir={tmp_path} has a checkpoint already'):
    preflight.check_new(config, tmp_path)


@pytest.mark.parametrize(
  ('batch_size', 'accumulate', 'devices'), [(6, 1, '1 or 2 or 3'), (6, 2, '1 or 3'), (2, 2, '1')]
)
def test_a_run_that_has_begun_is_told_devices_not_batches(
  tmp_path, batch_size, accumulate, devices
):
  """There are four devices; the batch of a run cannot change."""
  with pytest.raises(UserError) as caught:
    preflight.check_batch_size(batch_size, accumulate, tmp_path)
  message = str(caught.value)
  assert f'Resume it on {devices}: ' in message and 'multiple of' not in message
  last = devices.rpartition(' ')[2]
  assert message.endswith(f'--xla_force_host_platform_device_count={last}')
  preflight.check_batch_size(8, 2, tmp_path)


def test_a_folder_makes_the_difference(tmp_path, tiny):
  config = tiny(batch_size=6)
  with pytest.raises(UserError, match='Use a multiple of 4'):
    preflight.check(config, tmp_path)
  (tmp_path / 'config.json').write_text('{}')
  with pytest.raises(UserError, match='Resume it on'):
    preflight.check(config, tmp_path)
  with pytest.raises(UserError, match='Use a multiple of 4'):
    preflight.check(config, tmp_path, overwrite=True)
