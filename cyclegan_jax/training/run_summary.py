"""The lines about a run that appear before its first step."""

import pathlib

import jax

from cyclegan_jax import config as config_lib, memory
from cyclegan_jax.data import cache, pipeline
from cyclegan_jax.data.source import Dataset
from cyclegan_jax.models import networks
from cyclegan_jax.pairs import degenerate
from cyclegan_jax.settings import Config
from cyclegan_jax.training.step import state as state_lib

# Fewer validation images than this are worth a note.
_FEW_IMAGES = 10


def text(config: Config, dataset: Dataset) -> str:
  """Returns lines about the settings, devices, networks and data of a run."""
  return '\n'.join(
    [
      config_lib.describe(config),
      _devices(),
      _parameters(config, dataset),
      f'Data: {dataset.description}',
      _examples(dataset),
      _sampling(config),
      *_styles(config, dataset),
      *_normalization(config, dataset),
      *_missing(dataset),
      *_programs(),
      *degenerate.notes(dataset),
      *degenerate.swapped_bytes(dataset),
    ]
  )


def start(
  config: Config,
  dataset: Dataset,
  step: int,
  total: int,
  steps_per_epoch: int,
  workdir: pathlib.Path,
) -> str:
  """Returns lines about what a run keeps in memory, and its length.

  Args:
    config: the run.
    dataset: its data.
    step: steps done.
    total: steps in the whole run.
    steps_per_epoch: steps.
    workdir: the run folder.
  """
  done = f', {step} done: resuming' if step else ''
  steps = f'Steps: {total} ({steps_per_epoch} an epoch{done}). Run folder: {workdir}'
  return f'{_memory(config, dataset)}\n{steps}'


def _devices() -> str:
  devices, line = jax.devices(), ''
  if jax.process_count() > 1:
    line = f', {jax.local_device_count()} in each of {jax.process_count()} processes'
  return f'Devices: {len(devices)} x {devices[0].device_kind} ({devices[0].platform}){line}.'


def _parameters(config: Config, dataset: Dataset) -> str:
  state = state_lib.abstract(config, dataset.domains)
  count = {name: networks.count_parameters(params) for name, params in state.params.items()}
  parts = [f'generator {name} {count[name]:,}' for name in networks.generators(config.model)]
  parts += [
    f'discriminator {name} {count[name]:,}' for name in networks.discriminators(config.model)
  ]
  parts += [f'{name} {count[name]:,}' for name in networks.projections(config.model)]
  return f'Parameters: {sum(count.values()):,} ({", ".join(parts)}).'


def _examples(dataset: Dataset) -> str:
  sizes = [
    f'{s.name} {len(s.rgb)}' if s.aligned else f'{s.name} {len(s.rgb)} RGB / {len(s.ir)} IR'
    for s in dataset.splits.values()
  ]
  return f'Examples: {", ".join(sizes)}.'


def _programs() -> list[str]:
  """Returns a line about where compiled programs are kept, if they are."""
  folder = jax.config.values.get('jax_compilation_cache_dir')
  return [f'Compiled programs: kept in {folder} (--compilation_cache).'] if folder else []


def _missing(dataset: Dataset) -> list[str]:
  """Returns notes about splits that are empty or small, before you wait for the end."""
  lines = []
  if not len(dataset.splits.get('validation', ())):
    lines.append('Note: no validation examples; the latest checkpoint counts as the best.')
  elif dataset.pairs('validation') == 0:
    lines.append(
      'Note: no validation pairs; unpaired_error chooses the best checkpoint '
      '(docs/explanation/metrics.md).'
    )
  elif dataset.pairs('validation') < _FEW_IMAGES:
    lines.append(
      f'Note: few validation pairs ({dataset.pairs("validation")}), so the choice of the best '
      'checkpoint is close to chance.'
    )
  if 'test' in dataset.rgb_only:
    lines.append('Note: the test images are RGB only; there is nothing to compare them with.')
  elif not len(dataset.splits.get('test', ())):
    others = ' or '.join(f'--split={name}' for name in dataset.splits)
    lines.append(f'Note: no test examples; measure with experiments.evaluate {others}.')
  return lines


def _memory(config: Config, dataset: Dataset) -> str:
  size = pipeline.decoded_bytes(dataset, config.data, config.reads_labels)
  budget = cache.budget(config.data.cache_gib)
  about = 'about ' if config.data.resize == 'none' else ''
  text = f'Decoded training images: {about}{memory.text(size)}'
  if size <= budget:
    return f'{text}, all kept in memory once read.'
  if budget:
    return (
      f'{text}. {memory.text(budget)} are kept in memory ({budget / size:.0%}), the rest is '
      'decoded each epoch (--cache_gib).'
    )
  return f'{text}, decoded each epoch, none kept in memory (--cache_gib=0).'


def _styles(config: Config, dataset: Dataset) -> list[str]:
  """Returns a line about what styles are exchanged, if they are."""
  if config.model.method != 'exemplar' or config.data.paired:
    return []
  return [pipeline.get_split(dataset, 'train').partners.text()]


def _normalization(config: Config, dataset: Dataset) -> list[str]:
  """Returns a line about a normalization other than plain."""
  data = config.data
  if data.normalization == 'plain':
    return []
  if data.normalization == 'emsn':
    return [
      'Normalization: emsn. As printed in the paper, it is plain scaling to [-1, 1] up to '
      'rounding: any difference from a run with --normalization=plain is chance.'
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
    directions = ' in both directions' if config.model.method in ('cyclegan', 'exemplar') else ''
    return f'Sampling: pairs, with a supervised L1 term of weight {weight:g}{directions}.'
  return (
    'Sampling: pairs, without a supervised term. Each other term depends on one domain '
    'only, so the expected gradient is that of unpaired sampling.'
  )
