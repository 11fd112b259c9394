"""Settings that follow others."""

import pytest

from cyclegan_jax import config as config_lib, derived, settings
from cyclegan_jax.errors import UserError


def test_every_setting_that_follows_has_a_rule_and_says_so():
  says = {name for name, (_, field) in settings.fields().items() if field.metadata['follows']}
  assert says == set(derived.RULES)


@pytest.mark.parametrize(
  'preset, given, size',
  [
    ('cyclegan', {}, (286, 286)),
    ('cyclegan', dict(image_size=(128, 128)), (143, 143)),
    ('cut', dict(image_size=(64, 96)), (72, 107)),
    ('pix2pix', dict(image_size=(128, 128), n_downsampling=7), (143, 143)),
    ('cyclegan', dict(image_size=(128, 128), load_size=(0, 0)), (0, 0)),
    ('cyclegan', dict(image_size=(128, 128), resize='none'), (0, 0)),
    ('udacity', dict(image_size=(64, 64)), (0, 0)),
    ('infragan', dict(image_size=(1024, 1024)), (0, 0)),
  ],
)
def test_the_load_size_keeps_its_share(preset, given, size):
  assert config_lib.make(preset, **given).data.load_size == size


@pytest.mark.parametrize(
  'preset, given, schedule',
  [
    ('cyclegan', {}, (100, 100)),
    ('cyclegan', dict(epochs=20), (10, 10)),
    ('cyclegan', dict(epochs=400), (200, 200)),
    ('cyclegan', dict(epochs=1), (0, 1)),
    ('pix2pixhd', dict(epochs=20), (10, 10)),
    ('infragan', dict(epochs=20), (9, 11)),
    ('fastcut', dict(epochs=20), (15, 5)),
    ('demo', dict(epochs=60), (24, 36)),
    ('cyclegan', dict(epochs=20, decay_epochs=5), (15, 5)),
    ('cyclegan', dict(epochs=20, decay_start=5), (5, 15)),
    ('cyclegan', dict(epochs=20, decay_epochs=0), (0, 0)),
    ('cyclegan', dict(epochs=20, decay_start=3, decay_epochs=30), (3, 30)),
    ('cyclegan', dict(steps=500), (100, 100)),
    ('udacity', dict(epochs=20), (0, 0)),
    ('udacity', dict(epochs=20, decay_epochs=5), (15, 5)),
    ('udacity', dict(steps=20, decay_epochs=5), (0, 5)),
  ],
)
def test_the_learning_rate_falls_in_proportion_to_the_epochs(preset, given, schedule):
  train = config_lib.make(preset, **given).train
  assert (train.decay_start, train.decay_epochs) == schedule


@pytest.mark.parametrize('preset', config_lib.PRESETS)
@pytest.mark.parametrize('epochs', [1, 2, 3, 7, 50, 1000])
def test_no_number_of_epochs_is_refused(preset, epochs):
  train = config_lib.make(preset, epochs=epochs).train
  if train.decay_epochs:
    assert train.decay_start + train.decay_epochs == epochs


def test_the_configuration_says_what_follows_what_was_given():
  said = config_lib.describe(config_lib.make('cyclegan', image_size=(128, 128), epochs=20))
  marks = {line.split()[1]: line.split()[0] for line in said.splitlines() if line[2] in '*+'}
  assert marks == {
    'image_size': '*',
    'epochs': '*',
    'load_size': '+',
    'decay_start': '+',
    'decay_epochs': '+',
  }
  assert '+ what follows from it' in said.splitlines()[0]
  assert ' + ' not in config_lib.describe(config_lib.make('cyclegan', load_size=(300, 300)))


@pytest.mark.parametrize(
  'given, advice',
  [
    (dict(preset='pix2pix', image_size=(128, 128)), '--n_downsampling=7, or --image_size=256x256'),
    (dict(preset='pix2pix', image_size=(96, 128)), '--n_downsampling=5, or --image_size=256x256'),
    (dict(preset='pix2pix', image_size=(100, 500)), 'Give --image_size=256x512.'),
    (dict(image_size=(100, 128)), '--n_downsampling=2, or --image_size=96x128'),
  ],
)
def test_a_size_that_does_not_fit_says_what_does(given, advice):
  with pytest.raises(UserError) as error:
    config_lib.make(**given)
  assert advice in str(error.value)
