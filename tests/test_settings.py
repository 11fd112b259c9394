"""What is known of every setting."""

import dataclasses

import pytest

from cyclegan_jax import settings


def test_every_setting_is_named_once():
  names = [f.name for cls in settings.SECTIONS.values() for f in dataclasses.fields(cls)]
  assert len(names) == len(set(names))
  assert set(names) == set(settings.fields()) | {'options'}


# Text of any kind, or of a form that validation.py knows.
FREE_TEXT = {
  *('dataset', 'preset', 'source_dir', 'data_dir', 'rgb_dir', 'ir_dir', 'label_dir', 'ir_range'),
  *('exclude', 'ir_band', 'ir_span', 'initialize_from', 'unet_skips', 'inputs'),
}


@pytest.mark.parametrize('name', settings.fields())
def test_every_setting_knows_itself(name):
  _, field = settings.fields()[name]
  metadata = field.metadata
  assert metadata['help'].endswith('.')
  assert metadata['affects'] in ('pixels', 'training', 'checkpoint', 'nothing')
  if isinstance(field.default, bool) or name in FREE_TEXT:
    assert metadata['allowed'] is None
  elif isinstance(field.default, str):
    assert isinstance(metadata['allowed'], tuple) and field.default in metadata['allowed']
  else:
    numbers = field.default if isinstance(field.default, tuple) else (field.default,)
    assert all(number in metadata['allowed'] for number in numbers)


def test_what_settings_affect():
  assert settings.named(affects='nothing') == {
    *('source_dir', 'data_dir', 'cache_gib', 'ir_range'),
    *('log_every', 'keep_checkpoints', 'n_samples', 'tensorboard', 'wandb'),
  }
  assert settings.named(affects='checkpoint') == {
    *('epochs', 'steps', 'checkpoint_every', 'best_metric', 'patience')
  }
  assert settings.named(affects='pixels') == {
    *('dataset', 'rgb_dir', 'ir_dir', 'exclude', 'ir_channels', 'ir_span'),
    *('image_size', 'load_size', 'resize', 'keep_aspect', 'mask', 'direction'),
  }
  assert settings.affects('an option of a data set') == 'pixels'
  assert settings.named(place=True) == {
    *('source_dir', 'data_dir', 'rgb_dir', 'ir_dir', 'label_dir', 'exclude', 'initialize_from')
  }
  assert settings.named(per_process=True) == {*('source_dir', 'data_dir', 'exclude', 'cache_gib')}
