"""The files of a run folder, except the checkpoints.

config.json         the resolved configuration and its format; all later commands read it from here
data.json           what pixel values mean, and the number of examples
condition.json      with --condition: its quantities, and what they are in the training images
initialized_from.json  the run whose weights this one started from, if any
metrics.csv         loss terms, a row per --log_every steps (means over these steps)
validation.csv      metrics on the validation split, a row per checkpoint
validation_images.csv  the score of each validation image, if they are few
samples/            an image grid per checkpoint
checkpoints/        see training/checkpoint.py; damaged_checkpoints/ for those that are not whole
run.lock            which process writes here, see runs/lock.py
evaluation/SPLIT/   what experiments.evaluate writes about the best checkpoint
evaluation/SPLIT_latest/, SPLIT_stepN/  about others
on/DATA/evaluation/SPLIT/  the same, measured on other data (experiments.evaluate --on)
downstream/         what experiments.downstream writes
report.html         all of this as one page
"""

import dataclasses
import os
import pathlib
import shlex
import shutil

from cyclegan_jax import checksum, config as config_lib, files
from cyclegan_jax.data import condition as condition_lib
from cyclegan_jax.data.source import Dataset, Domain, make_domains, SPLITS, with_inputs
from cyclegan_jax.errors import UserError
from cyclegan_jax.runs import next_step
from cyclegan_jax.settings import affects, Config, differences, format_value, ModelConfig

CONFIG, DATA, METRICS, VALIDATION = 'config.json', 'data.json', 'metrics.csv', 'validation.csv'
VALIDATION_IMAGES = 'validation_images.csv'
SAMPLES, CHECKPOINTS, EVALUATION = 'samples', 'checkpoints', 'evaluation'
TENSORBOARD, WANDB, PAGE = 'tensorboard', 'wandb', 'report.html'
DOWNSTREAM = 'downstream'
# Checkpoints that could not be read.
DAMAGED = 'damaged_checkpoints'
INITIALIZED_FROM, CONDITION = 'initialized_from.json', 'condition.json'
ON = 'on'
_OURS = (
  *(CONFIG, DATA, CONDITION, INITIALIZED_FROM, METRICS, VALIDATION, VALIDATION_IMAGES),
  *(SAMPLES, CHECKPOINTS, DAMAGED, EVALUATION, ON, DOWNSTREAM, TENSORBOARD, WANDB, PAGE),
)


def check(workdir: pathlib.Path, config: Config) -> None:
  """Raises UserError if a folder cannot be written, or holds a run with other settings.

  Commands call it before any long work. What counts is the check of `create`, under the lock.
  """
  existing = workdir.absolute()
  while not existing.exists():
    existing = existing.parent
  if not existing.is_dir() or not os.access(existing, os.W_OK):
    raise UserError(
      f'--workdir={workdir} cannot be written: {existing} is not a folder, or you may not write '
      'to it. Choose another one.'
    )
  file = workdir / CONFIG
  if file.exists():
    _check_same(file, config)
  elif (workdir / CHECKPOINTS).exists():
    raise UserError(
      f'--workdir={workdir} has checkpoints but no {CONFIG}, so nothing says which run they belong '
      'to. Choose another folder, or start over with --overwrite.'
    )


def latest_step(workdir: pathlib.Path) -> int:
  """Returns the step of the latest checkpoint that has a complete name; 0 if there is none."""
  names = [file.name for file in (workdir / CHECKPOINTS).glob('*')]
  return max((int(name) for name in names if name.isdecimal()), default=0)


def check_data(workdir: pathlib.Path, dataset: Dataset) -> None:
  """Raises UserError if the run in the folder was trained on other data; see `Dataset.facts`."""
  file = workdir / DATA
  if not file.exists():
    return
  then = read_json(file)
  changed = [
    f'  {name}: was {then.get(name)}, is now {value}\n'
    for name, value in dataset.facts().items()
    if then.get(name) != value
  ]
  if changed:
    measure = next_step.command('evaluate', workdir=workdir, on='FOLDER')
    raise UserError(
      f'{dataset.name}: these are other data than --workdir={workdir} was trained on:\n'
      f'{"".join(changed)}Restore the images and their splits. To measure this model on others: '
      f'{measure}. To learn from others, train in another --workdir.'
    )


def create(workdir: pathlib.Path, config: Config, dataset: Dataset, overwrite: bool) -> None:
  """Writes the configuration of a run and the facts of its data into its folder.

  The folder exists, and this process holds its lock. A run in it is resumed; with `overwrite` its
  files, and only these, are deleted first.

  Raises:
    UserError: see `check` and `check_data`; or the folder cannot be written.
  """
  if overwrite:
    for path in (workdir / name for name in _OURS):
      if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
      else:
        path.unlink(missing_ok=True)
  check(workdir, config)
  check_data(workdir, dataset)
  try:
    facts = dataset.facts() | {'prepared': dataset.prepared}
    if inputs := dataset.domains['rgb'].inputs:
      facts |= {'class_names': list(inputs.class_names)}
    texts = {DATA: checksum.dumps(facts)}
    if condition := dataset.domains['ir'].condition:
      texts[CONDITION] = checksum.dumps(condition.to_json())
    for name, text in {**texts, CONFIG: config_lib.to_json(config)}.items():
      files.write_text(workdir / name, text, durable=True)
  except OSError as error:
    raise UserError(
      f'--workdir={workdir} cannot be written: {error.strerror}. Free space there, or choose '
      'another one.'
    ) from error


def sync_records(workdir: pathlib.Path) -> None:
  """Waits until the rows that a run has recorded so far would survive a power failure.

  Raises:
    UserError: they cannot be written.
  """
  try:
    for name in (METRICS, VALIDATION, VALIDATION_IMAGES):
      if (workdir / name).exists():
        files.sync(workdir / name)
    files.sync(workdir)
  except OSError as error:
    raise UserError(
      f'The rows of {workdir} cannot be written: {error.strerror}. The checkpoints are intact. '
      'Free some space, or make sure that the folder exists and is writable, then resume with the '
      'same command.'
    ) from error


def prepared(workdir: pathlib.Path) -> str:
  """Returns the name of the prepared copy of a run's data; '' if there is no run, or no name."""
  file = workdir / DATA
  return read_json(file).get('prepared', '') if file.exists() else ''


def splits_of(workdir: pathlib.Path) -> list[str]:
  """Returns the splits of a run's data, by its data.json; all if that cannot be read."""
  try:
    return list(read_json(workdir / DATA)['splits'])
  except (UserError, KeyError, TypeError):
    return list(SPLITS)


def evaluation(workdir: pathlib.Path, split: str, checkpoint: str = 'best') -> pathlib.Path:
  """Returns the folder for measurements of a checkpoint ('best', 'latest' or a step) on a split."""
  kind = f'step{int(checkpoint)}' if checkpoint.isdecimal() else checkpoint
  return workdir / EVALUATION / (split if checkpoint == 'best' else f'{split}_{kind}')


def page_of(workdir: pathlib.Path, split: str, checkpoint: str) -> pathlib.Path:
  """Returns the file for the page about a run with its measurements of a checkpoint on a split."""
  return (workdir if checkpoint == 'best' else evaluation(workdir, split, checkpoint)) / PAGE


def load_config(workdir: pathlib.Path) -> Config:
  """Returns the configuration of a run; UserError if there is none, or one of another format."""
  file = workdir / CONFIG
  try:
    text = file.read_text()
  except UnicodeDecodeError as error:
    raise UserError(f'{file} is damaged: {error}') from error
  except OSError as error:
    raise UserError(
      f'--workdir={workdir} is not a run folder: {CONFIG} cannot be read '
      f'({error.strerror}). Give the folder that experiments.train wrote.'
    ) from error
  return config_lib.from_json(text, str(file))


def own_span(workdir: pathlib.Path, config: Config) -> Config:
  """Returns the configuration with the span of the run in a folder in place of --ir_span=auto."""
  if config.data.ir_span != 'auto' or not (workdir / CONFIG).exists():
    return config
  span = load_config(workdir).data.ir_span or 'auto'
  return dataclasses.replace(config, data=dataclasses.replace(config.data, ir_span=span))


def load_domains(workdir: pathlib.Path, config: Config) -> dict[str, Domain]:
  """The domains that a run was trained on, 'rgb' and 'ir'; UserError if they cannot be read."""
  try:
    facts = read_json(workdir / DATA)
    max_values = {name: facts['domains'][name]['max_value'] for name in ('rgb', 'ir')}
    plain = config.model.inputs == ModelConfig.inputs
    classes = () if plain else facts['class_names']
  except (KeyError, TypeError) as error:
    raise UserError(
      f'{workdir / DATA} does not say what the pixel values mean: no {error}.'
    ) from error
  condition = None
  try:
    if config.model.condition != 'none':
      condition = condition_lib.from_json(read_json(workdir / CONDITION))
  except (KeyError, TypeError) as error:
    raise UserError(
      f'{workdir / CONDITION} does not say what the networks were told: no {error}. Training '
      'writes it: run the same training command again.'
    ) from error
  return with_inputs(make_domains(config.data, max_values, condition), config.model, classes)


def train_on(workdir: pathlib.Path) -> str:
  """Returns what to do with a run that cannot be made longer."""
  start = shlex.quote(f'--initialize_from={workdir}')
  return f'To train on from its weights, start another run: {start}'


def read_json(file: pathlib.Path) -> dict:
  """Returns the content of a JSON file of a run folder; UserError if it cannot be read."""
  try:
    return checksum.loads(file.read_text())
  except (OSError, ValueError, RecursionError) as error:
    raise UserError(f'{file} cannot be read: {error}') from error


def _check_same(file: pathlib.Path, config: Config) -> None:
  found = differences(load_config(file.parent), config)
  changed = [
    f'  --{name}: {format_value(old) or "(empty)"} there, {format_value(new) or "(empty)"} now\n'
    for name, (old, new) in found.items()
    if affects(name) in ('pixels', 'training')
  ]
  if changed:
    # These follow --epochs, so a run with such a schedule cannot be made longer.
    hint = ''
    if found.keys() & {'decay_start', 'decay_epochs'}:
      hint = (
        'Its learning rate falls until its last epoch, so its length is fixed. '
        f'{train_on(file.parent)}\n'
      )
    raise UserError(
      f'--workdir={file.parent} holds a run with another configuration:\n{"".join(changed)}{hint}'
      'Give the same flags to resume it, another --workdir to keep it, or --overwrite to delete it '
      'and start over.'
    )
