"""Starts the processes of one run on this machine, for test_processes.py."""

from collections.abc import Callable, Iterator, Sequence
import contextlib
import os
import pathlib
import socket
import subprocess
import sys
import time

import jax
import numpy as np

from benchmarks import stops
from cyclegan_jax.training.checkpoint import of_run
from tests import compiler
from tests.conftest import REPOSITORY

# Seconds; generous, for a machine that does other things too.
PATIENCE = 150.0


def free_port() -> int:
  with socket.socket() as probe:
    probe.bind(('127.0.0.1', 0))
    return probe.getsockname()[1]


class Together:
  """Processes of one command; their outputs are in files beside the run folder."""

  def __init__(
    self,
    layout: tuple[int, int],
    workdir: pathlib.Path,
    flags: Sequence[str],
    command: str = 'train',
    own: Sequence[Sequence[str]] = (),
    module: str = '',
  ):
    """`layout`: processes, devices of each; `own`: further flags of each process.

    `module` is run in place of the command.
    """
    count, devices = layout
    environment = {
      **os.environ,
      'JAX_PLATFORMS': 'cpu',
      'JAX_DISABLE_MOST_OPTIMIZATIONS': '1',
      'XLA_FLAGS': compiler.xla_flags(devices),
    }
    port = free_port()
    self.logs = [workdir.with_name(f'{workdir.name}_{command}_{i}.log') for i in range(count)]
    self.processes = []
    for i, log in enumerate(self.logs):
      place = (
        []
        if count == 1
        else [
          f'--coordinator_address=127.0.0.1:{port}',
          f'--num_processes={count}',
          f'--process_id={i}',
        ]
      )
      with log.open('w') as out:
        self.processes.append(
          subprocess.Popen(
            [
              sys.executable,
              '-m',
              module or f'experiments.{command}',
              f'--workdir={workdir}',
              *flags,
              *place,
              *(own[i] if own else ()),
            ],
            cwd=REPOSITORY,
            env=environment,
            stdout=out,
            stderr=subprocess.STDOUT,
          )
        )

  def said(self, index: int = 0) -> str:
    """What a process wrote so far."""
    return self.logs[index].read_text()

  def wait_for(self, happened: Callable[[], bool]) -> None:
    """Until something happens; fails if a process ends before, or it takes too long."""
    deadline = time.monotonic() + PATIENCE
    while not happened():
      assert all(process.poll() is None for process in self.processes), self.all_said()
      assert time.monotonic() < deadline, self.all_said()
      time.sleep(0.02)

  def statuses(self) -> list[int]:
    """Exit statuses, once all have ended."""
    deadline = time.monotonic() + PATIENCE
    return [process.wait(max(1, deadline - time.monotonic())) for process in self.processes]

  def all_said(self) -> str:
    return '\n'.join(f'--- process {i}\n{self.said(i)}' for i in range(len(self.logs)))

  def stop(self) -> None:
    for process in self.processes:
      process.kill()
      process.wait()


@contextlib.contextmanager
def started(*args, **kwargs) -> Iterator[Together]:
  """Processes that do not outlive the test."""
  processes = Together(*args, **kwargs)
  try:
    yield processes
  finally:
    processes.stop()


def train(layout: tuple[int, int], workdir: pathlib.Path, flags: Sequence[str]) -> str:
  """Lets a run go to its end; what the first process said."""
  with started(layout, workdir, flags) as run:
    assert run.statuses() == [0] * layout[0], run.all_said()
    # The others have nothing to say.
    assert not any(run.said(i).strip() for i in range(1, layout[0])), run.all_said()
    return run.said()


def state(workdir: pathlib.Path) -> dict[str, np.ndarray]:
  """All arrays of the newest checkpoint by name."""
  with of_run(workdir) as (_, _, checkpoints):
    found = checkpoints.restore(stops.latest(workdir))
  return {
    jax.tree_util.keystr(path): np.asarray(leaf) for path, leaf in jax.tree.leaves_with_path(found)
  }


def assert_close(workdir: pathlib.Path, reference: pathlib.Path) -> None:
  """Equal within what another order of sums makes in float32, after 20 steps."""
  found, expected = state(workdir), state(reference)
  assert found.keys() == expected.keys()
  for name, array in expected.items():
    np.testing.assert_allclose(found[name], array, rtol=1e-4, atol=1e-5, err_msg=name)
