"""What a person should know before the first step of a run."""

import pathlib

import jax

from cyclegan_jax import config as config_lib
from cyclegan_jax.data import cache, pipeline
from cyclegan_jax.data.source import Dataset
from cyclegan_jax.models import networks
from cyclegan_jax.settings import Config
from cyclegan_jax.training import parallel
from cyclegan_jax.training.state import TrainState

# Fewer validation images than these are worth a note.
_FEW_IMAGES = 10


def text(
  config: Config,
  dataset: Dataset,
  state: TrainState,
  total: int,
  steps_per_epoch: int,
  workdir: pathlib.Path,
) -> str:
  """Lines about a run.

  Args:
    config: the run.
    dataset: its data.
    state: where it begins, one copy for each local device.
    total: steps at its end.
    steps_per_epoch: steps.
    workdir: the run folder.
  """
  model = config.model
  # Leaves carry one copy per device of this process.
  count = {
    name: networks.count_parameters(params) // jax.local_device_count()
    for name, params in state.params.items()
  }
  sizes = ', '.join(
    f'{s.name} {len(s.rgb)}' if s.aligned else f'{s.name} {len(s.rgb)} RGB / {len(s.ir)} IR'
    for s in dataset.splits.values()
  )
  devices = jax.devices()
  shared = (
    ''
    if jax.process_count() == 1
    else f', {jax.local_device_count()} in each of {jax.process_count()} processes'
  )
  step = int(parallel.unreplicate(state.step))
  done = f', {step} done: resuming' if step else ''
  return '\n'.join(
    [
      config_lib.describe(config),
      f'Devices: {len(devices)} x {devices[0].device_kind} ({devices[0].platform}){shared}.',
      f'Parameters: {sum(count.values()):,} ('
      + ', '.join(
        [f'generator {name} {count[name]:,}' for name in networks.generators(model)]
        + [f'discriminator {name} {count[name]:,}' for name in networks.discriminators(model)]
      )
      + ').',
      f'Data: {dataset.description}',
      f'Examples: {sizes}.',
      _memory(config, dataset),
      _sampling(config),
      *_normalization(config, dataset),
      *_missing(dataset),
      f'Steps: {total} ({steps_per_epoch} an epoch{done}). Run folder: {workdir}',
    ]
  )


def _missing(dataset: Dataset) -> list[str]:
  """What a person should know about the splits before waiting for the end."""
  lines = []
  if dataset.pairs('validation') == 0:
    lines.append('Note: no validation pairs; the latest checkpoint will count as the best.')
  elif dataset.pairs('validation') < _FEW_IMAGES:
    lines.append(
      f'Note: only {dataset.pairs("validation")} validation pairs choose the best '
      'checkpoint: that choice is close to chance.'
    )
  if dataset.pairs('test') == 0:
    lines.append(
      'Note: no test pairs; experiments.evaluate will have nothing to measure in the test split.'
    )
  return lines


def _memory(config: Config, dataset: Dataset) -> str:
  size, budget = (pipeline.decoded_bytes(dataset, config.data), cache.budget(config.data.cache_gib))
  about = 'about ' if config.data.resize == 'none' else ''
  text = f'Decoded training images: {about}{_binary(size)}'
  if size <= budget:
    return f'{text}, all kept in memory once they are read.'
  if budget:
    return (
      f'{text}, of which {_binary(budget)} are kept in memory ({budget / size:.0%}) and the '
      'rest is decoded each epoch (--cache_gib).'
    )
  return f'{text}, decoded each epoch and not kept in memory (--cache_gib=0).'


def _binary(size: int) -> str:
  """Bytes as 3.2 KiB, MiB or GiB."""
  power = 30 if size >= 2**30 else 20 if size >= 2**20 else 10
  return f'{size / 2**power:.1f} {"KMG"[power // 10 - 1]}iB'


def _normalization(config: Config, dataset: Dataset) -> list[str]:
  """What another normalization than plain does."""
  data = config.data
  if data.normalization == 'plain':
    return []
  if data.normalization == 'emsn':
    return [
      'Normalization: emsn. As printed in the paper it is plain scaling to [-1, 1] but for '
      'rounding: what differs from a run with --normalization=plain is chance.'
    ]
  places = '; '.join(
    ' '.join([name.upper(), ', '.join(f'{value:.3f}' for value in domain.wavelength_channels)])
    for name, domain in dataset.domains.items()
  )
  return [
    'Normalization: spectral_channels. Values are plain, and generators see the wavelength of each '
    f'channel as its place on a logarithmic axis from -1 (380 nm) to 1 (14000 nm): {places}.'
  ]


def _sampling(config: Config) -> str:
  weight = config.loss.supervised_weight
  if not config.data.paired:
    return 'Sampling: unpaired; an epoch is one pass over the larger domain.'
  if weight:
    directions = ' in both directions' if config.model.method == 'cyclegan' else ''
    return f'Sampling: pairs, with a supervised L1 term of weight {weight:g}{directions}.'
  return (
    'Sampling: pairs, without a supervised term. Every CycleGAN term looks at one domain '
    'alone, so this has the same expected gradient as unpaired sampling.'
  )
