"""Measures runs on each other's data: what does a model know of scenes and cameras it never saw?

  python -m experiments.transfer --workdir=runs/street,runs/park --output=transfer
  python -m experiments.transfer --workdir=runs/street --on=PHOTOS --on=synthetic --output=transfer

Every run is measured on its own data, on that of the other runs, and on the data that --on names,
as by `experiments.evaluate --on`. Runs that differ in nothing but the seed are one row. Writes
DIR/transfer.md, transfer.csv and transfer.json: trained on by tested on, with the trivial guesses
of the data tested on. Runs of --direction=ir_to_rgb have columns of their own. What has been
measured already is not measured again.
"""

import collections
from collections.abc import Iterator, Mapping, Sequence
import dataclasses
import json
import pathlib
import shlex
from typing import TYPE_CHECKING

from absl import flags

from cyclegan_jax.errors import UserError
from cyclegan_jax.settings import DataConfig
from experiments import flags as common, measuring, other_data

if TYPE_CHECKING:
  from cyclegan_jax.inference.model import Model
  from cyclegan_jax.runs.reader import Run

flags.adopt_module_key_flags(common)
_ON = flags.DEFINE_multi_string(
  'on', [], 'Other data to measure on, as for experiments.evaluate. May be repeated.'
)
_OUTPUT = flags.DEFINE_string('output', None, 'Folder for the tables.')
_SPLIT = flags.DEFINE_enum(
  'split', 'test', ['train', 'validation', 'test'], 'The split to measure on.'
)


def main() -> None:
  """Measures what is missing, writes the tables, and prints the first."""
  output = common.needed(_OUTPUT, 'the folder for the tables')
  folders = common.workdirs()
  # Late, so that --help and bad flags answer at once.
  from cyclegan_jax import files
  from cyclegan_jax.comparison import transfer
  from cyclegan_jax.inference import model as model_lib
  from cyclegan_jax.reports import page
  from cyclegan_jax.runs import reader

  runs = reader.read(folders, None)
  targets = dict(_targets(runs))
  cells = collections.defaultdict(list)
  for row, same in _rows(runs).items():
    for run in same:
      model = model_lib.load(run.folder)
      for column, text in targets.items():
        # Runs of another direction are measured on other images.
        cells[row, f'{column}{_way(run)}'].append(_measured(run, model, text))
  content = transfer.transfer(cells) | {'split': _SPLIT.value}
  try:
    output.mkdir(parents=True, exist_ok=True)
    files.write_text(output / 'transfer.json', json.dumps(content, indent=2) + '\n')
    files.write_csv(output / 'transfer.csv', list(transfer.csv_rows(content)))
    text = page.text('transfer.md', content=content, transfer=transfer)
    files.write_text(output / 'transfer.md', text)
  except OSError as error:
    raise UserError(f'--output={output} cannot be written: {error.strerror}.') from error
  print(text)
  print(f'Tables: {output}')


def _rows(runs: Sequence['Run']) -> Mapping[str, list['Run']]:
  """Returns name -> the runs that differ in nothing but their seeds."""
  groups: list[list[Run]] = []
  for run in runs:
    same = next((group for group in groups if _without_seed(group[0]) == _without_seed(run)), None)
    groups.append([run]) if same is None else same.append(run)
  names = [
    f'{_name(group[0].config.data)}, {group[0].config.train.preset}{_way(group[0])}'
    for group in groups
  ]
  twice = {name for name in names if names.count(name) > 1}
  return {
    f'{name} ({group[0].name})' if name in twice else name: group
    for name, group in zip(names, groups)
  }


def _without_seed(run: 'Run') -> tuple[object, ...]:
  """The settings and the data that make a run what it is, but for its seed."""
  from cyclegan_jax.settings import flatten, named

  immaterial = {'seed', *named(affects='nothing')}
  values = {name: value for name, value in flatten(run.config).items() if name not in immaterial}
  return values, run.config.train.initialize_from, _as_flags(run.config.data)


def _targets(runs: Sequence['Run']) -> Iterator[tuple[str, str]]:
  """Yields the name of data to measure on, and what --on would say of them."""
  for data in [run.config.data for run in runs]:
    yield _name(data), _as_flags(data)
  for text in _ON.value:
    yield _name(other_data.config(text, runs[0].config.data)), text


def _name(data: DataConfig) -> str:
  """What tables call data."""
  options = ' '.join(f'--{name}={value}' for name, value in data.options.items())
  return ' '.join(filter(None, [pathlib.Path(data.source_dir).name or data.dataset, options]))


def _way(run: 'Run') -> str:
  """What tables say of a direction other than RGB to IR."""
  direction = run.config.model.direction
  return '' if direction == 'rgb_to_ir' else f', {direction}'


def _as_flags(data: DataConfig) -> str:
  """The flags that say which data these are, as --on takes them."""
  values = other_data.described(data)
  return shlex.join(f'--{name}={value}' for name, value in values.items())


def _measured(run: 'Run', model: 'Model', text: str) -> 'Run':
  """Returns a run with its measurements on the data of a text, which are made if need be."""
  from cyclegan_jax.metrics import perceptual
  from cyclegan_jax.runs import reader

  own = text == _as_flags(run.config.data)
  data = run.config.data if own else other_data.config(text, run.config.data)
  asked = measuring.Asked(run.folder, data, _SPLIT.value, other=not own)
  dataset = asked.open(model)
  folder = asked.folder(dataset)
  found = reader.measurements_in(folder)
  if not found or found.content['checkpoint_step'] != model.step:
    print(f'Measuring {run.name} on {text}')
    measuring.measure(asked, model, dataset, perceptual.NONE)
    found = reader.measurements_in(folder)
  assert found
  return dataclasses.replace(run, measurements=found.by_id())


if __name__ == '__main__':
  common.run(main)
