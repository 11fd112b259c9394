"""The jobs of a comparison, one per model and seed: each trains and evaluates in own processes.

DIR/runs/MODEL/seedK/      the run folder
DIR/runs/MODEL/seedK.log   the output of the commands
DIR/runs/MODEL/seedK.lock  held by the process that does the job
DIR/instruments/           networks that all downstream studies share
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
import dataclasses
import fcntl
import itertools
import os
import pathlib
import shlex
import signal
import subprocess
import sys
import time

from cyclegan_jax import interruption, packages
from cyclegan_jax.comparison import downstream as downstream_lib, runs
from cyclegan_jax.progress import duration, Log
from cyclegan_jax.settings import Config
from experiments.comparison.plan import Plan, RUNS
from experiments.flags import PATHS

_INSTRUMENTS = 'instruments'
_POLL_SECONDS = 0.2
_LOG_LINES = 12
# The share of a GPU's memory for all workers on it. By default JAX takes 75 % for one process.
_MEMORY_SHARED = 0.9
# What a worker has of the machine: the environment and the cores of its commands; no cores: any.
Share = tuple[dict[str, str], set[int]]


@dataclasses.dataclass(frozen=True)
class Job:
  """A model to train with a seed, and to measure on a split: commands, one after the other.

  The number is the index among all jobs of the plan; the folder is the run's. With `downstream`
  the run also gets a downstream study.
  """

  number: int
  label: str
  seed: int
  folder: pathlib.Path
  config: Config
  split: str
  commands: tuple[tuple[str, ...], ...]
  downstream: bool = False

  @property
  def name(self) -> str:
    """The label and the seed, for people."""
    return f'{self.label}, seed {self.seed}'

  @property
  def log(self) -> pathlib.Path:
    """The file for the commands' output, beside the run folder."""
    return self.folder.with_name(self.folder.name + '.log')

  @property
  def line(self) -> str:
    """The job as a line for a shell."""
    return ' && '.join(map(shlex.join, [('cd', str(packages.root())), *self.commands]))

  def is_complete(self) -> bool:
    """Returns whether nothing is left to do."""
    if not runs.is_complete(self.folder, self.config, self.split):
      return False
    return not self.downstream or downstream_lib.is_complete(self.folder)


def _held(job: Job) -> int | None:
  """Takes a job; returns its lock, a file number, or None if another process has the job.

  The commands inherit the lock, so that it lasts until the last of them ends, whatever becomes of
  this process. A file system without locks is used without.
  """
  job.folder.parent.mkdir(parents=True, exist_ok=True)
  lock = os.open(job.log.with_suffix('.lock'), os.O_RDWR | os.O_CREAT, 0o666)
  try:
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
  except BlockingIOError:
    os.close(lock)
    return None
  except OSError:
    pass
  return lock


def all_jobs(
  plan: Plan, output: pathlib.Path, shared: Sequence[str] = (), downstream: bool = False
) -> list[Job]:
  """Returns the jobs of a plan by number: all models with one seed, then with the next.

  So all models have the same seeds if you stop early. Models with the same settings share jobs.
  Shared flags are for all commands. With `downstream` there is one command more; runs that lack
  only this study are neither trained nor measured again.
  """
  found = []
  models = [model for model in plan.models if plan.trained_as(model.label) == model.label]
  for seed, model in itertools.product(plan.seeds, models):
    folder = output.resolve() / RUNS / model.label / f'seed{seed}'
    train = dataclasses.replace(model.config.train, seed=seed)
    config = dataclasses.replace(model.config, train=train)
    python, last = (sys.executable, '-m'), (*shared, f'--workdir={folder}')
    paths = [flag for flag in model.arguments if flag[2:].partition('=')[0] in PATHS]
    commands: tuple[tuple[str, ...], ...] = (
      (*python, packages.module('train'), *model.arguments, f'--seed={seed}', *last),
      (*python, packages.module('evaluate'), f'--split={plan.split}', *paths, *last),
    )
    if downstream:
      if runs.is_complete(folder, config, plan.split):
        commands = ()
      # One folder for all: most networks of a study learn from nothing that a model has made.
      kept = f'--instruments={output.resolve() / _INSTRUMENTS}'
      commands = (*commands, (*python, packages.module('downstream'), *paths, kept, *last))
    job = Job(len(found), model.label, seed, folder, config, plan.split, commands, downstream)
    found.append(job)
  return found


@dataclasses.dataclass
class _Running:
  """A job in progress: its lock and share of the machine, and the process of its command."""

  job: Job
  lock: int
  share: Share
  begin: float
  processes: Iterator[subprocess.Popen]
  process: subprocess.Popen


def _start(job: Job, lock: int, share: Share) -> _Running:
  processes = _processes(job, lock, *share)
  return _Running(job, lock, share, time.monotonic(), processes, next(processes))


def _processes(
  job: Job, lock: int, environment: Mapping[str, str], cores: Set[int]
) -> Iterator[subprocess.Popen]:
  """Starts the job's commands, each when it is asked for."""
  with job.log.open('a') as log:
    for command in job.commands:
      log.write(f'$ {shlex.join(command)}\n')
      log.flush()
      # A process group of its own, so that a terminal's Ctrl-C reaches it once, through this
      # process. preexec_fn is safe because this process has no threads.
      yield subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        cwd=packages.root(),
        env=environment,
        process_group=0,
        pass_fds=(lock,),
        preexec_fn=lambda: os.sched_setaffinity(0, cores) if cores else None,
      )


def _interrupt(running: Iterable[_Running]) -> None:
  """Sends SIGINT, whichever signal came here; see interruption.py."""
  for one in running:
    one.process.send_signal(signal.SIGINT)


def run(
  jobs: Sequence[Job], workers: int, log: Log, gpus: Sequence[str] | None = None
) -> tuple[list[Job], int]:
  """Runs jobs, several at once, and skips complete ones.

  Jobs that another process has taken are left to it: this one does others, then waits. SIGINT and
  SIGTERM are passed on, so that training saves its state.

  Args:
    jobs: in the order in which they start.
    workers: how many run at once. One has the whole machine; several share its GPUs and cores.
    log: takes a line when a job starts or ends.
    gpus: names for CUDA_VISIBLE_DEVICES, by default those of all visible GPUs.

  Returns:
    The jobs that failed, and the number of the signal that ended the run early, or 0.
  """
  waiting = [job for job in jobs if not job.is_complete()]
  done, total = len(jobs) - len(waiting), len(jobs)
  log(f'{total} jobs, {done} of them done already, {workers} at a time.')
  free = list(_shares(workers, visible_gpus() if gpus is None else gpus))
  running, failed, seconds, told, elsewhere = [], [], [], False, set()
  with interruption.deferred() as signaled:
    try:
      while running or (waiting and not signaled()):
        for job in list(waiting) if not signaled() else ():
          if not free:
            break
          if (lock := _held(job)) is None:
            if job not in elsewhere:
              log(f'job {job.number} runs elsewhere: {job.name}')
              elsewhere.add(job)
            continue
          waiting.remove(job)
          if job.is_complete():
            os.close(lock)
            done += 1
            log(f'{done}/{total} done: {job.name}, elsewhere')
            continue
          log(f'started job {job.number}: {job.name}; {job.log}')
          running.append(_start(job, lock, free.pop(0)))
        if signaled() and not told:
          told = True
          log(f'signal {signaled()}: training saves its state and ends.')
          _interrupt(running)
        time.sleep(_POLL_SECONDS)
        for one in list(running):
          status = one.process.poll()
          if status == 0 and not signaled() and (process := next(one.processes, None)):
            one.process = process
          elif status is not None:
            running.remove(one)
            free.append(one.share)
            os.close(one.lock)
            job, taken = one.job, time.monotonic() - one.begin
            if status == 0 and job.is_complete():
              done += 1
              seconds.append(taken)
              left = (len(waiting) + len(running)) * sum(seconds) / len(seconds) / workers
              log(f'{done}/{total} done: {job.name} in {duration(taken)}; {duration(left)} left')
            elif not signaled():
              failed.append(job)
              log(f'FAILED, exit status {status}: {job.name} after {duration(taken)}; {job.log}')
    except KeyboardInterrupt:
      # A second Ctrl-C: the children end at once, too.
      _interrupt(running)
      raise
    return failed, signaled()


def last_lines(job: Job) -> str:
  """Returns the end of a job's log, indented."""
  try:
    lines = job.log.read_text(errors='replace').splitlines()[-_LOG_LINES:]
  except OSError as error:
    lines = [str(error)]
  return '\n'.join(f'    {line}' for line in lines)


def visible_gpus() -> list[str]:
  """Returns values of CUDA_VISIBLE_DEVICES for one GPU each; [] without an NVIDIA GPU."""
  if 'CUDA_VISIBLE_DEVICES' in os.environ:
    return [name for name in os.environ['CUDA_VISIBLE_DEVICES'].split(',') if name.strip()]
  try:
    # JAX would know, but would also take the memory that the jobs need.
    listed = subprocess.run(['nvidia-smi', '-L'], capture_output=True, text=True, timeout=60)
  except (OSError, subprocess.SubprocessError):
    return []
  lines = [line for line in listed.stdout.splitlines() if line.startswith('GPU ')]
  return [str(i) for i in range(len(lines))] if listed.returncode == 0 else []


def _shares(workers: int, gpus: Sequence[str]) -> Iterator[Share]:
  if workers == 1:
    yield dict(os.environ), set()
    return
  cores = sorted(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else []
  for worker in range(workers):
    share = dict(os.environ)
    # XLA starts a thread per core that it may use, and so does OpenMP unless told otherwise.
    own = cores[worker::workers] or cores[worker % len(cores) :][:1] if cores else []
    if own:
      share.setdefault('OMP_NUM_THREADS', str(len(own)))
    if gpus:
      share['CUDA_VISIBLE_DEVICES'] = gpus[worker % len(gpus)]
      sharing = len(range(worker % len(gpus), workers, len(gpus)))
      if sharing > 1 and 'XLA_PYTHON_CLIENT_MEM_FRACTION' not in share:
        share.setdefault('XLA_CLIENT_MEM_FRACTION', f'{_MEMORY_SHARED / sharing:.3f}')
    yield share, set(own)
