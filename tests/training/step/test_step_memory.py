"""A step that does not fit into memory is refused, with settings that do, and leaves nothing."""

import dataclasses

import jax
import pytest

from cyclegan_jax import config as config_lib, memory
from cyclegan_jax.errors import UserError
from cyclegan_jax.training import loop
from cyclegan_jax.training.step import parallel, state as state_lib, step_memory
import datasets

TINY = dict(
  image_size=(64, 64),
  base_width=4,
  n_residual_blocks=1,
  n_downsampling=2,
  discriminator_width=4,
  discriminator_layers=2,
  batch_size=32,
  steps=1,
)


@pytest.fixture(scope='module')
def run(pairs, data_dir):
  """A configuration, its data set, and the bytes that its step takes."""
  config = config_lib.make(
    dataset='folder', source_dir=str(pairs), data_dir=str(data_dir), paired=True, **TINY
  )
  dataset = datasets.open_dataset(config.data)
  return config, dataset, taken(config, dataset)


def taken(config, dataset):
  return memory.of_program(parallel._compiled(config, dataset, 1)[0])


def with_flags(config, flags):
  """The configuration with flags as a message names them."""
  changes = dict(flag[2:].split('=') for flag in flags.split())
  accumulate = int(changes.pop('accumulate'))
  assert not changes
  return dataclasses.replace(config, train=dataclasses.replace(config.train, accumulate=accumulate))


@pytest.mark.slow
@pytest.mark.parametrize('preset', ['demo', 'udacity', 'cyclegan', 'pix2pix'])
def test_the_bound_is_below_what_a_step_takes(run, preset):
  _, dataset, _ = run
  small = {**TINY, **({'image_size': (256, 256)} if preset == 'pix2pix' else {})}
  del small['n_downsampling']
  config = config_lib.make(preset=preset, dataset='folder', load_size=(0, 0), **small)
  least = step_memory.least(config, dataset)
  takes = taken(config, dataset)
  assert 0 < least < takes < 40 * least


@pytest.mark.slow
def test_a_step_writes_the_next_state_over_the_last_one(run):
  config, dataset, _ = run
  program = parallel._compiled(config, dataset, 1)[0]
  state = jax.tree.leaves(state_lib.abstract(config, dataset.domains))
  size = sum(leaf.size * leaf.dtype.itemsize for leaf in state)
  assert program.memory_analysis().alias_size_in_bytes >= size


@pytest.mark.slow
def test_the_flags_that_are_named_fit_and_nothing_is_left(run, monkeypatch, tmp_path):
  config, dataset, takes = run
  free = takes // 2
  monkeypatch.setattr(memory, 'on_device', lambda: free)
  workdir = tmp_path / 'run'
  with pytest.raises(UserError, match='--batch_size=32 .* a training step needs') as caught:
    loop.train(config, dataset, workdir, log=lambda line: None)
  assert not workdir.exists()
  message = str(caught.value)
  assert memory.text(free) in message
  flags = message.split(' are free. ')[1].split(' would need')[0]
  smaller = with_flags(config, flags)
  assert taken(smaller, dataset) <= free
  assert loop.train(smaller, dataset, workdir, log=lambda line: None) == 0


@pytest.mark.slow
def test_a_run_that_has_begun_keeps_its_settings(run, monkeypatch, tmp_path):
  config, dataset, _ = run
  assert loop.train(config, dataset, tmp_path, log=lambda line: None) == 0
  longer = dataclasses.replace(config, train=dataclasses.replace(config.train, steps=2))
  monkeypatch.setattr(memory, 'on_device', lambda: 1000)
  with pytest.raises(UserError, match='settings are fixed'):
    loop.train(longer, dataset, tmp_path, log=lambda line: None)
  monkeypatch.undo()
  assert loop.train(longer, dataset, tmp_path, log=lambda line: None) == 0
