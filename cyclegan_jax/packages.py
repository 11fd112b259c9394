"""Where commands and data sets are: beside this package in a checkout, inside it in a wheel.

The library does not import them. What does is the command `cyclegan-jax`, and the functions of
`cyclegan_jax` itself that do what commands do.
"""

import importlib
import pathlib
import sys
import types

from cyclegan_jax.errors import UserError

_FOLDER = pathlib.Path(__file__).resolve().parent


def is_installed() -> bool:
  """Returns whether this is the package of a wheel, not of a checkout."""
  return (_FOLDER / '_commands').is_dir()


def root() -> pathlib.Path:
  """Returns the folder that this package is imported from."""
  return _FOLDER.parent


def commands() -> pathlib.Path:
  """Returns the folder of the commands."""
  return _FOLDER / '_commands' if is_installed() else root() / 'experiments'


def module(name: str) -> str:
  """Returns the full name of a module of the commands."""
  return f'cyclegan_jax._commands.{name}' if is_installed() else f'experiments.{name}'


def names() -> list[str]:
  """Returns the names of all commands."""
  files = sorted(commands().glob('*.py'))
  return [file.stem for file in files if "__name__ == '__main__'" in file.read_text('utf-8')]


def add_checkout() -> None:
  """Makes the modules of a checkout importable in this process, which runs a command of it."""
  if not is_installed():
    sys.path.insert(0, str(root()))


def load(name: str) -> types.ModuleType:
  """Imports a module of the commands.

  Raises:
    UserError: the commands are those of a checkout, which is not on Python's path.
  """
  try:
    return importlib.import_module(module(name))
  except ModuleNotFoundError as error:
    if (error.name or '').partition('.')[0] not in ('experiments', 'datasets'):
      raise
    raise UserError(
      f'cyclegan_jax is that of the checkout {root()}, and the data sets and commands there cannot '
      f'be imported. Run Python there, or set PYTHONPATH={root()}'
    ) from error
