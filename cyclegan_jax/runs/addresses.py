"""What users may name in place of a run folder: models that someone else has trained.

hf://owner/name[@revision]   on the Hugging Face Hub, see hub.py
rendered                     comes with the program, in cyclegan_jax/bundled/

Both are folders of published.py. A file or folder of the user's that is called `rendered` comes
first where both could be meant.
"""

import os
import pathlib
import shutil

from cyclegan_jax.errors import UserError
from cyclegan_jax.progress import Log
from cyclegan_jax.runs import hub_client

_FOLDER = pathlib.Path(__file__).resolve().parent.parent / 'bundled'
# What each model that comes with the program is, and is not, good for.
BUNDLED = {
  'rendered': (
    'a small model of rendered street scenes. Good for trying the program on a photograph at once. '
    'Not for results: real photographs are strange to it, and on two data sets of real pairs it is '
    'worse than their mean infrared image.'
  )
}


def is_address(text: str | os.PathLike[str]) -> bool:
  """Returns whether a text means one of these models, not a folder."""
  return hub_client.is_address(text) or (text in BUNDLED and not pathlib.Path(text).exists())


def bundled(name: str, results: str = '') -> pathlib.Path:
  """Returns the folder of a model that comes with the program.

  Args:
    name: Of the model.
    results: See `located`.

  Raises:
    UserError: There is no such model.
  """
  if name not in BUNDLED:
    raise UserError(
      f'--model={name}: no such model comes with the program. There is {", ".join(BUNDLED)}. Name '
      'others with --workdir: a run folder, or hf://OWNER/NAME.'
    )
  folder = _FOLDER / name
  if not results:
    return folder
  # Late, so that commands answer at once: it imports JAX.
  from cyclegan_jax.runs import published, run_folder

  # Another version of the program may bring other weights.
  digest = run_folder.read_json(folder / published.MODEL)['weights_sha256']
  return _copied(folder, pathlib.Path(results, f'{name}_{digest[:8]}'))


def described(name: str) -> str:
  """Returns a line about a model that comes with the program."""
  return f'{name}: {BUNDLED[name]}'


def located(text: str, log: Log = print, results: str = '') -> pathlib.Path:
  """Returns the folder of a model, given as a folder or as one of the addresses above.

  Args:
    text: The folder, or the address.
    log: Takes a line about what is fetched from the Hub.
    results: A folder of the user's: a model that is not in one is copied there, so that results
      can go beside it.

  Raises:
    UserError: See `hub.fetch`.
  """
  if not is_address(text):
    return pathlib.Path(text)
  if text in BUNDLED:
    return bundled(text, results)
  # Late, so that commands answer at once: it imports JAX.
  from cyclegan_jax.runs import hub

  folder = hub.fetch(text, log)
  name = f'{folder.parent.name}_{folder.name[:8]}'
  return _copied(folder, pathlib.Path(results, name)) if results else folder


def _copied(folder: pathlib.Path, target: pathlib.Path) -> pathlib.Path:
  """Copies a model, unless it is there."""
  from cyclegan_jax.runs import hub

  if not target.exists():
    target.parent.mkdir(parents=True, exist_ok=True)
    hub.appear(target, lambda whole: shutil.copytree(folder, whole, dirs_exist_ok=True))
  return target
