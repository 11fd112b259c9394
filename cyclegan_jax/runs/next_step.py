"""Commands that continue from a run, as lines to paste into a shell."""

from collections.abc import Container
import pathlib
import shlex
from typing import Any

from cyclegan_jax.data.source import SPLITS

# What comes before the name of a command.
PROGRAM = 'python -m experiments.'
# What is measured first, if it is there.
_ORDER = tuple(reversed(SPLITS))


def command(name: str, **flags: Any) -> str:
  """Returns a command with flags, quoted for a shell.

  Args:
    name: of the module in experiments/.
    **flags: values by name.
  """
  quoted = [shlex.quote(f'--{flag}={value}') for flag, value in flags.items()]
  return ' '.join([PROGRAM + name, *quoted])


def measured_split(splits: Container[str]) -> str | None:
  """Returns the split that says most of those that there are; None if there is none."""
  return next((name for name in _ORDER if name in splits), None)


def evaluate(
  workdir: pathlib.Path | str,
  splits: Container[str],
  split: str = _ORDER[0],
  checkpoint: str = 'best',
) -> str:
  """Returns the command that measures a run; '' if it has nothing to measure on.

  Args:
    workdir: the run folder.
    splits: those that its data have.
    split: what to measure on; another one if the data lack it.
    checkpoint: what to measure.
  """
  chosen = split if split in splits else measured_split(splits)
  if chosen is None:
    return ''
  flags = {'workdir': workdir}
  flags |= {'split': chosen} if chosen != _ORDER[0] else {}
  flags |= {'checkpoint': checkpoint} if checkpoint != 'best' else {}
  return command('evaluate', **flags)
