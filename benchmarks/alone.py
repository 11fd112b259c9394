"""A program of a comparison in a process of its own, as its users run it.

Memory, threads, and settings of the C library are then its own.
"""

import contextlib
import functools
import multiprocessing
from multiprocessing import connection
import os
import pathlib
from typing import Any

from absl import logging

from benchmarks import configuration, rates
from cyclegan_jax import memory
from cyclegan_jax.settings import Config

# A peak is the best of three measurements of products of matrices with so many rows and columns.
_SIDE = 2048


class Alone:
  """The other process. It ends with the block of a `with`.

  Calls are those of `_Program`.
  """

  def __init__(self, name: str, config: Config, tf32: bool):
    context = multiprocessing.get_context('spawn')
    self._ours, theirs = context.Pipe()
    self._process = context.Process(target=_serve, args=(name, config, tf32, theirs), daemon=True)
    self._process.start()
    theirs.close()
    self._name = name

  def __enter__(self) -> 'Alone':
    return self

  def __exit__(self, *_: Any) -> None:
    self._ours.close()
    self._process.join()

  def __getattr__(self, method: str) -> Any:
    return functools.partial(self._ask, method)

  def _ask(self, *question: Any) -> Any:
    with contextlib.suppress(EOFError, OSError):
      self._ours.send(question)
      return self._ours.recv()
    raise SystemExit(f'{self._name} failed; what it said stands above.')


class _Program:
  """What the other process answers."""

  def __init__(self, program: Any):
    self._program = program
    self._before = _status('VmRSS')
    self._works = {}

  def device(self) -> str:
    """'cpu' or 'cuda'."""
    return self._program.device()

  def card(self) -> str:
    """The kind of the device; ours knows it."""
    return self._program.card()

  def flops(self) -> float:
    """Floating-point operations of a training step."""
    return self._program.flops()

  def rate(self, work: str, seconds: float) -> float:
    """Batches a second of 'training' or 'inference'."""
    if work not in self._works:
      self._works[work] = getattr(self._program, work)()
    return rates.rate(self._works[work], seconds)

  def memory(self) -> float:
    """MiB that training takes, on a CPU beside imports; NaN where not known. Ask for it first."""
    for _ in range(2):  # Two steps each.
      self.rate('training', 0)
    if self.device() == 'cuda':
      return self._program.most_memory()
    try:
      pathlib.Path('/proc/self/clear_refs').write_text('5')  # The peak so far: compiling.
    except OSError:
      return float('nan')
    self.rate('training', 0)
    return _status('VmHWM') - self._before

  def peaks(self, seconds: float) -> dict[str, float]:
    """Floating-point operations a second, by what was done."""
    return {
      name: flops * max(rates.rate(work, seconds / 3) for _ in range(3))
      for name, (work, flops) in self._program.peaks(_SIDE).items()
    }


def _status(key: str) -> float:
  """MiB that the system notes for this process under a name; NaN where it does not."""
  try:
    lines = pathlib.Path('/proc/self/status').read_text().splitlines()
  except OSError:
    return float('nan')
  return next(int(line.split()[1]) / 2**10 for line in lines if line.startswith(key))


def _serve(name: str, config: Config, tf32: bool, questions: connection.Connection) -> None:
  logging.set_verbosity(logging.ERROR)  # The writer of ONNX files tells each step.
  batch = configuration.noise(config)
  # Late: not every process needs PyTorch, and JAX starts threads.
  if name == 'ours':
    memory.keep_freed()  # As the commands do.
    import jax

    from benchmarks import ours
    from cyclegan_jax import devices

    devices.check()
    if not tf32:
      jax.config.update('jax_default_matmul_precision', 'highest')
    program = _Program(ours.Ours(config, batch))
  else:
    from benchmarks import peers

    program = _Program(peers.make(name, config, batch, tf32, os.cpu_count() or 1))
  with contextlib.suppress(EOFError, KeyboardInterrupt):
    while True:
      method, *arguments = questions.recv()
      questions.send(getattr(program, method)(*arguments))
