"""Commands in processes that are forked from one that has imported the libraries.

Importing is most of the time that a short command takes. What has to start as on a terminal uses
subprocess instead.
"""

import atexit
from collections.abc import Mapping, Sequence
import multiprocessing
import multiprocessing.process
import os
import pathlib
import runpy
import signal
import sys
import types

_LIBRARIES = [
  'flax.nnx',
  'grain',
  'jax',
  'jinja2',
  'optax',
  'orbax.checkpoint',
  'PIL.Image',
  'scipy.ndimage',
  'scipy.stats',
  'tensorflow_datasets',
]
_processes = multiprocessing.get_context('forkserver')
_processes.set_forkserver_preload(_LIBRARIES)


def start(
  arguments: Sequence[str],
  environment: Mapping[str, str],
  folder: pathlib.Path,
  out: str | os.PathLike[str],
  err: str | os.PathLike[str],
) -> multiprocessing.process.BaseProcess:
  """Starts `python -m ARGUMENTS`; Ctrl-C works, as from a terminal.

  Args:
    arguments: A module and its flags.
    environment: Variables to add. What a library reads when it is imported has to be in the
      environment of the first call.
    folder: Where the command runs; modules are found there.
    out: The file of standard output.
    err: The file of standard error.
  """
  process = _processes.Process(
    target=_run, args=([*map(str, arguments)], dict(environment), str(folder), str(out), str(err))
  )
  # The process would import the program that starts it, whose flags are those of the command.
  main, sys.modules['__main__'] = sys.modules['__main__'], types.ModuleType('__main__')
  try:
    process.start()
  finally:
    sys.modules['__main__'] = main
  return process


def _run(
  arguments: list[str], environment: Mapping[str, str], folder: str, out: str, err: str
) -> None:
  signal.signal(signal.SIGINT, signal.SIG_DFL)  # Until the command has its own.
  for path, stream in ((out, 1), (err, 2)):
    with open(path, 'wb') as file:
      os.dup2(file.fileno(), stream)
  os.environ.update(environment)
  os.chdir(folder)
  sys.path.insert(0, folder)
  sys.argv = arguments
  try:
    runpy.run_module(arguments[0], run_name='__main__', alter_sys=True)
  finally:
    # Which multiprocessing leaves out.
    atexit._run_exitfuncs()
