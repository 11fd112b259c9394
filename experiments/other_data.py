"""--on of experiments.evaluate and transfer: other data than a run's, to measure its model on."""

from collections.abc import Mapping
import dataclasses
import pathlib
import shlex
from typing import Any, TYPE_CHECKING

from absl import flags

from cyclegan_jax.errors import UserError
from cyclegan_jax.settings import DataConfig, fields
from datasets import registry
from experiments import flags as common

if TYPE_CHECKING:
  from cyclegan_jax.data.source import Dataset, Domain

_SETTINGS = ('dataset', *common.DATA_PLACES, 'mask')


def config(text: str, trained: DataConfig) -> DataConfig:
  """Returns the settings of the data that --on names, with images prepared as in training.

  Args:
    text: A folder of pairs, the name of a data set, or the flags of one.
    trained: The settings of the run's own data. Sizes, channels, and the like are taken from them.

  Raises:
    UserError: The text is none of these, or the flags do not go together.
  """
  where = f'--on={text!r}'
  values = flags.FlagValues()
  common.define_fields((*_SETTINGS, *registry.OPTIONS), values)
  try:
    positional = common.parse(values, ['', *_words(text)])[1:]
  except (flags.Error, ValueError) as error:
    raise UserError(
      f'{where}: {error} Expected a folder of pairs, a data set ({", ".join(registry.DATASETS)}), '
      'or flags that say which data, such as --on="--dataset=folder --source_dir=DIR".'
    ) from error
  if positional:
    raise UserError(
      f'{where}: {positional[0]!r} is not a flag. Quote folders with spaces in flags.'
    )
  places = set(common.DATA_PLACES) - {'data_dir'}
  forgotten = {name: fields()[name][1].default for name in places}
  asked: dict[str, Any] = {**forgotten, 'train_pairs': 0, 'paired': True}
  asked |= common.given(_SETTINGS, values)
  found = dataclasses.replace(trained, **asked, options=common.given_options(values))
  if found.dataset not in registry.declarations('ir_span'):  # Their gray levels are those of files.
    found = dataclasses.replace(found, ir_span='')
  try:
    registry.resolve(found)
  except UserError as error:
    raise UserError(f'{where}: {error}') from error
  return found


def described(data: DataConfig) -> dict[str, Any]:
  """Returns the flags that --on takes to name these data, by their names, without defaults."""
  values = {name: getattr(data, name) for name in _SETTINGS}
  given = {name: value for name, value in values.items() if value != fields()[name][1].default}
  return {**given, **data.options}


def folder_name(dataset: 'Dataset', data: DataConfig) -> str:
  """Returns a name for the results: the folder's or the data set's, and part of a fingerprint."""
  name = pathlib.Path(data.source_dir).name or dataset.name
  return f'{name}-{dataset.fingerprint[:8]}'


def facts(dataset: 'Dataset', data: DataConfig) -> dict[str, Any]:
  """Returns what metrics.json says about the other data."""
  return {'dataset': dataset.name, 'fingerprint': dataset.fingerprint, 'options': {**data.options}}


def check_domains(dataset: 'Dataset', domains: Mapping[str, 'Domain']) -> None:
  """Raises UserError if pixels have another range than those that a model was trained on."""
  for name, trained in domains.items():
    both = (dataset.domains[name], trained)
    here, there = (f'{8 if domain.max_value <= 255 else 16} bits' for domain in both)
    if here != there:
      raise UserError(
        f'--on: the {name.upper()} images of {dataset.name} have {here}, those that the model was '
        f'trained on {there}. Convert the images first.'
      )


def _words(text: str) -> list[str]:
  if text.lstrip().startswith('-'):
    return shlex.split(text)
  if text in registry.DATASETS:
    return [f'--dataset={text}']
  return ['--dataset=folder', f'--source_dir={text}']
