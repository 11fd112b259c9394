"""Finds pairs that do not fit: shifted, mismatched, damaged or repeated images.

  python -m experiments.check_pairs --dataset=folder --source_dir=PHOTOS --output=DIR

Writes DIR/pairs.csv (all pairs, the most suspicious first), DIR/pairs.json (counts and
thresholds) and DIR/report.html (the worst pairs as pictures). shift_x and shift_y are what IR must
be moved by to lie on RGB, in pixels, to the right and downwards; score says how certain that is.
Shifts beyond 1/8 of the longer side are not found: such pairs are flagged no_match, as unrelated
images are. Suspicious pairs are no failure: the exit status is 0.

--fix=DIR also writes a copy in which swapped bytes, turned images, margins and certain shifts are
repaired; DIR/repairs.csv says what was done to each pair.

Infrared in false color is refused. To list it, give --ir_channels=3.
"""

from collections.abc import Iterator, Mapping
import pathlib
from typing import Any

from absl import flags

from cyclegan_jax.errors import UserError
from cyclegan_jax.settings import DataConfig
from cyclegan_jax.validation import validate_data
from datasets import registry
from experiments import flags as common

_DATA_FLAGS = ('dataset', *common.DATA_PLACES, 'rgb_channels', 'ir_channels', 'ir_span')

common.define_fields((*_DATA_FLAGS, *registry.OPTIONS))
_OUTPUT = flags.DEFINE_string(
  'output', None, 'Folder to write to; files of an earlier check are replaced.'
)
_N_WORST = flags.DEFINE_integer(
  'n_worst', 20, 'Number of pairs that the page shows as pictures.', lower_bound=0
)
_FIX = flags.DEFINE_string(
  'fix', None, 'Also write a repaired copy to this folder, which must be new or empty.'
)


def main() -> None:
  """Checks the pairs of the folder and writes the list, the page, and perhaps a repaired copy."""
  folder = common.needed(_OUTPUT, 'the folder to write the report to')
  if folder.exists() and not folder.is_dir():
    raise UserError(f'--output={folder} is a file; give a folder.')
  options, given = common.given_options(), common.given(_DATA_FLAGS)
  config = DataConfig(paired=True, options=options, **given)
  validate_data(config)
  # Late, so that --help and bad flags answer at once.
  from cyclegan_jax import devices
  from cyclegan_jax.pairs import dataset_check, degenerate, flags as pair_flags, repair
  from cyclegan_jax.reports import pairs_page
  from cyclegan_jax.runs import next_step
  import datasets

  devices.check()
  if copy := common.path(_FIX.value):
    repair.check_target(copy, {'source_dir': config.source_dir, 'output': str(folder)})
  dataset = datasets.open_dataset(config)
  if copy:
    repair.check_dataset(dataset)
  print('\n'.join([dataset.description, *degenerate.notes(dataset)]))
  try:
    folder.mkdir(parents=True, exist_ok=True)  # Now: the work may be long.
  except OSError as error:
    raise UserError(f'--output={folder} cannot be made: {error.strerror}.') from error
  pairs = dataset_check.check(dataset, print)
  content = dataset_check.summary(pairs, dataset, pair_flags.DEFAULT)
  dataset_check.write(folder, pairs, content)
  again = next_step.command('check_pairs', **given, **options, output=folder, fix='repaired')
  name, n = pathlib.Path(config.source_dir).name, _N_WORST.value
  pairs_page.write(folder, pairs, content, dataset, n, name=name, repair=again)
  print('\n'.join(_found(content)))
  print(f'Most suspicious first: {folder / dataset_check.CSV}')
  print(f'Pictures: {folder / pairs_page.PAGE}')
  if copy:
    written = repair.write(copy, dataset, pairs, print)
    print(repair.described(copy, written, len(pairs), dataset.ir_span))
    if dataset.class_names:
      print('The copy has no labels: whether they belong to RGB or to IR is not known.')


def _found(content: Mapping[str, Any]) -> Iterator[str]:
  """Yields lines about what the check found, and what helps."""
  from cyclegan_jax.pairs.flags import FLAGS

  found = {flag: count for flag, count in content['flags'].items() if count}
  counts = ', '.join(f'{flag} {count}' for flag, count in found.items())
  yield f'{content["pairs"]} pairs, {content["flagged"]} flagged{": " * bool(counts)}{counts}'
  for flag in found:
    yield f'  {flag}: {FLAGS[flag].meaning}. {FLAGS[flag].remedy}'
  yield from content['notes']
  if content['median_shift'] is not None:
    yield f'Median shift: {content["median_shift"]:.2f} pixels'


if __name__ == '__main__':
  common.run(main)
