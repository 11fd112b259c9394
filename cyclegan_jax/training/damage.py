"""What is done about damaged checkpoints, and what is looked at before Orbax opens them.

Orbax reads the metrics of all checkpoints at once, ends with an error of its own if it cannot, and
chooses the best one by them. So they are noted a second time, in the file with the checksum.
"""

import hashlib
import json
import pathlib
import shutil

import jax
import numpy as np

from cyclegan_jax import checksum
from cyclegan_jax.errors import UserError
from cyclegan_jax.runs import run_folder
from cyclegan_jax.training.step.state import TrainState

# Orbax's files in the folder of a step.
_RUN, _METRICS = 'run/metadata', 'metrics/metrics'


def digest(state: TrainState) -> str:
  """Hashes the names, shapes and content of all arrays: Orbax does not notice a flipped bit."""
  found = hashlib.blake2b(digest_size=16)
  for path, leaf in jax.tree.leaves_with_path(state):
    array = np.asarray(leaf)
    found.update(f'{jax.tree_util.keystr(path)} {array.shape} {array.dtype}'.encode())
    found.update(np.ascontiguousarray(array).data)
  return found.hexdigest()


def check_metrics(step: pathlib.Path) -> None:
  """Compares the metrics in a checkpoint's folder with those that were noted when it was saved.

  Raises:
    UserError: they differ, or cannot be read; the message names the file.
  """
  file = step / _RUN
  try:
    noted = checksum.loads(file.read_text())
    file = step / _METRICS
    found = json.loads(file.read_text()) if file.exists() else {}
  except (OSError, ValueError) as error:
    raise UserError(
      f'The checkpoint {step} is damaged: {file} cannot be read ({error}).'
    ) from error
  # As text, in which NaN equals itself.
  if 'metrics' in noted and _text(noted['metrics']) != _text(found):
    raise UserError(f'The checkpoint {step} is damaged: {file} has changed since it was saved.')


def folder_of(checkpoints: pathlib.Path) -> pathlib.Path:
  """Returns the folder for damaged checkpoints, beside that of the others."""
  return checkpoints.with_name(run_folder.DAMAGED)


def set_aside(step: pathlib.Path) -> pathlib.Path:
  """Moves a checkpoint's folder out of the way; returns where to."""
  aside = folder_of(step.parent) / step.name
  shutil.rmtree(aside, ignore_errors=True)
  aside.parent.mkdir(exist_ok=True)
  shutil.move(step, aside)
  return aside


def _text(metrics: dict) -> str:
  return json.dumps(metrics, sort_keys=True)
