"""Recipes: how each compared model is trained, and which of them are known by name.

A recipe is the flags that you would type for experiments.train. Known ones say --nopaired where
that is meant, so that they mean the same with every --preset.
"""

from collections.abc import Mapping, Sequence
import dataclasses
import re
import shlex
import types

from absl import flags

from cyclegan_jax.errors import UserError
from cyclegan_jax.settings import Config, fields
from datasets import registry
from experiments import flags as common

RECIPES: Mapping[str, str] = types.MappingProxyType(
  {
    # The paper's four.
    'unpaired': '--nopaired --noemsn',
    'unpaired_emsn': '--nopaired --emsn',
    'paired': '--paired --noemsn',
    'paired_emsn': '--paired --emsn',
    # The literal reading of "paired": aligned sampling, but no loss that could tell.
    'paired_literal': '--paired --noemsn --supervised_weight=0',
    # The paper's baseline, row CycleGAN of its Table I: the code that it modified. The same as
    # `unpaired`, so the two share their runs.
    'udacity': '--nopaired --noemsn',
    'cyclegan': '--preset=cyclegan --nopaired',
    'pix2pix': '--preset=pix2pix --paired',
    'spectral_channels': '--paired --normalization=spectral_channels',
  }
)
PAPERS_FOUR = ('unpaired', 'unpaired_emsn', 'paired', 'paired_emsn')

# Table I of the paper, by data set: model, MSE, RMSE, PSNR in dB, UQI. The PSNR column is printed
# as 356,064 and so on; the MSE of row 2 as 214,0970.
_PAPERS_ROWS = {
  'osu': (
    ('Paired without EMSN', 473.936, 17.983, 35.6064, 0.941),
    ('Paired with EMSN', 214.097, 12.280, 35.8892, 0.971),
    ('CycleGAN', 923.878, 23.118, 35.5594, 0.909),
  ),
  'aau': (
    ('Paired without EMSN', 621.896, 23.983, 35.1964, 0.931),
    ('Paired with EMSN', 663.763, 24.106, 35.2242, 0.901),
    ('CycleGAN', 513.256, 21.578, 35.2926, 0.940),
  ),
}
PAPERS_NOTE = (
  "The paper's figures are copied from its Table I, not measured here: one run each, its own "
  'random split, and its own epoch, chosen by looking at outputs. Its PSNR column is printed as '
  '356,064 and so on, read here as 35.6064 dB; it does not follow from its MSE column, which gives '
  "18.5 to 24.8 dB. Its '214,0970' is read as 214.097. Its text announces five metrics, its table "
  "has four. Its UQI is that of the package sewar, so compare it with the column 'UQI, sewar'."
)
# A comparison is written A-B, and a label is a folder's name.
_LABEL = re.compile(r'[A-Za-z0-9][A-Za-z0-9_.+]*')


@dataclasses.dataclass(frozen=True)
class Recipe:
  """The settings that train one of the compared models.

  Attributes:
    label: the name of the model.
    flags: its own flags as text, without those common to all models.
    arguments: all its flags, as experiments.train takes them, without --seed and --workdir.
    config: the configuration that they give, with seed 0.
  """

  label: str
  flags: str
  arguments: tuple[str, ...]
  config: Config


def parse(label: str, text: str, shared: Sequence[str]) -> Recipe:
  """Returns a model's recipe from the flags that all models share and its own, which win.

  Raises:
    UserError: the label cannot be a folder's name, or experiments.train would refuse the flags.
  """
  where = f'--model={label!r}: {text!r}' if text else f'model {label}'
  if not _LABEL.fullmatch(label):
    raise UserError(
      f'{where}: a label consists of letters, digits, and _ . +, because it names a folder and a '
      'comparison is written A-B.'
    )
  values = flags.FlagValues()
  common.define_config_flags(values)
  try:
    positional = common.parse(values, ['', *shared, *shlex.split(text)])[1:]
  except (flags.Error, ValueError) as error:
    raise UserError(
      f"{where}: {error} A model's flags are settings of experiments.train."
    ) from error
  if positional:
    raise UserError(f'{where}: {positional[0]!r} is not a flag; write LABEL: --flag=value ...')
  if values['seed'].present:
    raise UserError(f'{where}: give --seeds instead of --seed; each model is trained with each.')
  try:
    return Recipe(label, text, tuple(arguments(values)), common.config_from_flags(values))
  except UserError as error:
    raise UserError(f'{where}: {error}') from error


def arguments(values: flags.FlagValues) -> list[str]:
  """Returns the flags of settings that were given, as typed, but with absolute paths."""
  given = []
  for name in sorted({'emsn', *fields(), *registry.OPTIONS}):
    flag = values[name]
    is_folder = name in common.FOLDERS and not common.is_address(name, flag.value or '')
    path = common.path(flag.value) if is_folder else None
    if flag.present and flag.value is not None:
      given.append(f'--{name}={path.resolve()}' if path else flag.serialize())
  return given


def papers_rows(dataset: str) -> dict[str, dict[str, float]]:
  """Returns the paper's rows for a data set: model -> metric -> value; {} if it has none."""
  names = ('mse', 'rmse', 'psnr', 'uqi_sewar')
  return {name: dict(zip(names, values)) for name, *values in _PAPERS_ROWS.get(dataset, ())}
