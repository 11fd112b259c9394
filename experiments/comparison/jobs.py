"""The jobs of a comparison: one per model and seed, each two commands in processes of their own.

DIR/runs/MODEL/seedK/      the run folder
DIR/runs/MODEL/seedK.log   what the commands said
"""

from collections.abc import Iterator, Mapping, Sequence
import contextlib
import dataclasses
import os
import pathlib
import shlex
import signal
import subprocess
import sys
import time

from cyclegan_jax.comparison import runs
from cyclegan_jax.progress import duration, Log
from cyclegan_jax.settings import Config
from cyclegan_jax.training import interruption
from experiments.comparison.plan import Plan, RUNS

_REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
_SECONDS_BETWEEN_LOOKS = 0.2
_LOG_LINES = 12
# Of a GPU's memory, for all workers that share it; JAX takes 75 % for one process by default.
_MEMORY_SHARED = 0.9


@dataclasses.dataclass(frozen=True)
class Job:
  """A model to train with a seed, and to measure.

  Attributes:
    number: its place among all jobs of the plan.
    label: the model.
    seed: the seed.
    folder: the run folder.
    config: what is trained.
    split: what is measured.
    commands: what is run, one after the other.
  """

  number: int
  label: str
  seed: int
  folder: pathlib.Path
  config: Config
  split: str
  commands: tuple[tuple[str, ...], ...]

  @property
  def name(self) -> str:
    return f'{self.label}, seed {self.seed}'

  @property
  def log(self) -> pathlib.Path:
    return self.folder.with_name(self.folder.name + '.log')

  @property
  def line(self) -> str:
    """The job as a line for a shell."""
    return f'cd {shlex.quote(str(_REPOSITORY))} && ' + ' && '.join(
      shlex.join(command) for command in self.commands
    )

  def is_complete(self) -> bool:
    """Whether nothing is left to do."""
    return runs.is_complete(self.folder, self.config, self.split)


def all_jobs(plan: Plan, output: pathlib.Path, shared: Sequence[str] = ()) -> list[Job]:
  """The jobs of a plan, one seed of all models after the other; the order is that of the numbers.

  Whoever stops early has equal seeds of all models then. Models with the same settings are
  trained once.

  Args:
    plan: the plan.
    output: the comparison's folder.
    shared: flags that both commands get.
  """
  found = []
  for seed in plan.seeds:
    for model in plan.models:
      if plan.trained_as(model.label) != model.label:
        continue
      folder = run_folder(output, model.label, seed)
      config = dataclasses.replace(
        model.config, train=dataclasses.replace(model.config.train, seed=seed)
      )
      python = (sys.executable, '-m')
      commands = (
        (
          *python,
          'experiments.train',
          *model.arguments,
          f'--seed={seed}',
          *shared,
          f'--workdir={folder}',
        ),
        (
          *python,
          'experiments.evaluate',
          f'--split={plan.split}',
          *shared,
          *(flag for flag in model.arguments if flag.startswith(('--source_dir=', '--data_dir='))),
          f'--workdir={folder}',
        ),
      )
      found.append(Job(len(found), model.label, seed, folder, config, plan.split, commands))
  return found


def run_folder(output: pathlib.Path, label: str, seed: int) -> pathlib.Path:
  """Where the run of a model and seed is."""
  return output.resolve() / RUNS / label / f'seed{seed}'


class _Running:
  """A job's process."""

  def __init__(self, job: Job, worker: int, environment: Mapping[str, str], cores: set[int]):
    self.job = job
    self.worker = worker
    self.begin = time.monotonic()
    self._environment = environment
    self._cores = cores
    self._commands = list(job.commands)
    job.folder.parent.mkdir(parents=True, exist_ok=True)
    self._log = job.log.open('a')
    self._start()

  def _start(self) -> None:
    command = self._commands.pop(0)
    self._log.write(f'$ {shlex.join(command)}\n')
    self._log.flush()
    # A group of its own: a terminal's Ctrl-C reaches it through this process alone, once. No
    # threads are here that could be cut short by preexec_fn.
    self._process = subprocess.Popen(
      command,
      stdin=subprocess.DEVNULL,
      stdout=self._log,
      stderr=subprocess.STDOUT,
      cwd=_REPOSITORY,
      env=self._environment,
      process_group=0,
      preexec_fn=lambda: os.sched_setaffinity(0, self._cores) if self._cores else None,
    )

  def status(self, go_on: bool) -> int | None:
    """The exit status, or None while it runs; starts the next command if it may go on."""
    status = self._process.poll()
    if status is None:
      return None
    if status == 0 and self._commands and go_on:
      self._start()
      return None
    self._log.close()
    return status or (1 if self._commands else 0)

  def interrupt(self) -> None:
    # As SIGINT whatever came here, see interruption.py.
    with contextlib.suppress(ProcessLookupError):
      self._process.send_signal(signal.SIGINT)


def run(
  jobs: Sequence[Job], workers: int, log: Log, gpus: Sequence[str] | None = None
) -> tuple[list[Job], int]:
  """Runs jobs, several at once; those that are complete are skipped.

  A signal, SIGINT or SIGTERM, is passed on, and training saves what it has done.

  Args:
    jobs: in the order in which they start.
    workers: how many run at once. One has the whole machine; several share its GPUs out among
      them, and its cores.
    log: takes a line when a job starts or ends.
    gpus: names for CUDA_VISIBLE_DEVICES; by default those that are visible.

  Returns:
    The jobs that failed, and the number of the signal that ended it early, or 0.
  """
  waiting = [job for job in jobs if not job.is_complete()]
  done, total = len(jobs) - len(waiting), len(jobs)
  log(f'{total} jobs, {done} of them done already, {workers} at a time.')
  places = list(_places(workers, visible_gpus() if gpus is None else gpus))
  free, running, failed, seconds, told = list(range(workers)), [], [], [], False
  with interruption.deferred() as signaled:
    try:
      while running or (waiting and not signaled()):
        while free and waiting and not signaled():
          job, worker = waiting.pop(0), free.pop(0)
          log(f'started job {job.number}: {job.name}; {job.log}')
          running.append(_Running(job, worker, *places[worker]))
        if signaled() and not told:
          told = True
          log(f'signal {signaled()}: training saves what it has done and ends.')
          for one in running:
            one.interrupt()
        time.sleep(_SECONDS_BETWEEN_LOOKS)
        for one in list(running):
          status = one.status(go_on=not signaled())
          if status is None:
            continue
          running.remove(one)
          free.append(one.worker)
          taken = time.monotonic() - one.begin
          if status and told:
            continue
          if status or not one.job.is_complete():
            failed.append(one.job)
            log(
              f'FAILED, exit status {status}: {one.job.name} after {duration(taken)}; {one.job.log}'
            )
            continue
          done += 1
          seconds.append(taken)
          left = (len(waiting) + len(running)) * sum(seconds) / len(seconds) / workers
          log(f'{done}/{total} done: {one.job.name} in {duration(taken)}; {duration(left)} left')
    except KeyboardInterrupt:
      # The second Ctrl-C: the children end at once too.
      for one in running:
        one.interrupt()
      raise
    return failed, signaled()


def last_lines(job: Job) -> str:
  """The end of a job's log, indented."""
  try:
    lines = job.log.read_text(errors='replace').splitlines()[-_LOG_LINES:]
  except OSError as error:
    lines = [str(error)]
  return '\n'.join(f'    {line}' for line in lines)


def visible_gpus() -> list[str]:
  """What CUDA_VISIBLE_DEVICES can be for one process each; [] without an NVIDIA GPU."""
  if 'CUDA_VISIBLE_DEVICES' in os.environ:
    return [name for name in os.environ['CUDA_VISIBLE_DEVICES'].split(',') if name.strip()]
  try:
    # Not from JAX, which would take the memory that the jobs need.
    listed = subprocess.run(['nvidia-smi', '-L'], capture_output=True, text=True, timeout=60)
  except (OSError, subprocess.SubprocessError):
    return []
  lines = [line for line in listed.stdout.splitlines() if line.startswith('GPU ')]
  return [str(i) for i in range(len(lines))] if listed.returncode == 0 else []


def _places(workers: int, gpus: Sequence[str]) -> Iterator[tuple[dict[str, str], set[int]]]:
  """Environment and cores of each worker; no cores: as they come."""
  environment = dict(os.environ)
  if workers == 1:
    yield environment, set()
    return
  cores = sorted(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else []
  for worker in range(workers):
    place = dict(environment)
    # XLA makes as many threads as there are cores for it; so does OpenMP, unless told.
    own = cores[worker::workers] or cores[worker % len(cores) :][:1] if cores else []
    if own:
      place.setdefault('OMP_NUM_THREADS', str(len(own)))
    if gpus:
      place['CUDA_VISIBLE_DEVICES'] = gpus[worker % len(gpus)]
      sharing = len(range(worker % len(gpus), workers, len(gpus)))
      if sharing > 1 and 'XLA_PYTHON_CLIENT_MEM_FRACTION' not in place:
        place.setdefault('XLA_CLIENT_MEM_FRACTION', f'{_MEMORY_SHARED / sharing:.3f}')
    yield place, set(own)
