"""Several jobs at once, with programs that train nothing."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from experiments.comparison import jobs as jobs_lib, plan as plan_lib
from tests.comparison import made_up

WRITE = 'import runpy; runpy.run_module("tests.comparison.made_up", run_name="__main__")'


def python(code, *arguments):
  return (sys.executable, '-c', code, *map(str, arguments))


def job(folder, number, *commands, label='a'):
  """A job; by default its commands write a complete run."""
  place = folder / 'runs' / label / f'seed{number}'
  commands = commands or (python('print("trained")'), python(WRITE, place, number, 20))
  return jobs_lib.Job(number, label, number, place, made_up.config(number), 'test', commands)


def run(jobs, workers=1, gpus=()):
  said = []
  failed, stop = jobs_lib.run(jobs, workers, said.append, gpus)
  return failed, stop, said


def test_jobs_run_and_complete_ones_are_skipped(tmp_path):
  jobs = [job(tmp_path, number) for number in range(3)]
  made_up.write(jobs[1].folder, jobs[1].config)
  failed, stop, said = run(jobs)
  assert not failed and not stop and all(job.is_complete() for job in jobs)
  assert said[0].startswith('3 jobs, 1 of them done already')
  assert [line for line in said if line.startswith('3/3 done')]
  assert not jobs[1].log.exists() and 'trained' in jobs[0].log.read_text()
  assert run(jobs)[2] == ['3 jobs, 3 of them done already, 1 at a time.']


def test_a_failed_job_is_reported_and_the_others_go_on(tmp_path):
  broken = job(
    tmp_path,
    0,
    python('import sys; print("error: no light"); sys.exit(2)'),
    python('raise RuntimeError("must not run")'),
  )
  second = job(tmp_path, 1, python('pass'), python('raise ValueError("second command")'))
  # Says that all is well, and leaves nothing.
  liar = job(tmp_path, 2, python('pass'))
  good = job(tmp_path, 3)
  failed, stop, said = run([broken, second, liar, good])
  assert failed == [broken, second, liar] and not stop and good.is_complete()
  assert 'no light' in jobs_lib.last_lines(broken)
  assert 'must not run' not in broken.log.read_text().split('error: no light')[1]
  assert 'second command' in jobs_lib.last_lines(second)
  assert sum('FAILED' in line for line in said) == 3


@pytest.mark.slow
def test_workers_overlap_and_share_cores_and_gpus(tmp_path):
  # Each waits until the others are there.
  code = (
    'import os, pathlib, sys, time\n'
    'here = pathlib.Path(sys.argv[1])\n'
    '(here / sys.argv[2]).write_text(",".join([os.environ["CUDA_VISIBLE_DEVICES"],\n'
    '    os.environ.get("XLA_CLIENT_MEM_FRACTION", ""), os.environ["OMP_NUM_THREADS"],\n'
    '    *map(str, sorted(os.sched_getaffinity(0)))]))\n'
    'for _ in range(600):\n'
    '  if len(list(here.glob("?"))) == 3: break\n'
    '  time.sleep(0.05)\n'
    'else: sys.exit(3)\n'
  )
  jobs = [
    job(
      tmp_path,
      n,
      python(code, tmp_path, n),
      python(WRITE, tmp_path / 'runs' / 'a' / f'seed{n}', n, 20),
    )
    for n in range(3)
  ]
  assert not run(jobs, workers=3, gpus=['4', '7'])[0]
  found = [(tmp_path / str(n)).read_text().split(',') for n in range(3)]
  assert [words[0] for words in found] == ['4', '7', '4']
  assert [words[1] for words in found] == ['0.450', '', '0.450']
  cores = os.sched_getaffinity(0)
  owned = [set(map(int, words[3:])) for words in found]
  assert set.union(*owned) == cores if len(cores) <= 3 else set.union(*owned) <= cores
  assert all(int(words[2]) == len(own) for words, own in zip(found, owned))


def test_one_worker_has_the_whole_machine(tmp_path, monkeypatch):
  code = (
    'import os, sys; sys.exit(os.environ.get("CUDA_VISIBLE_DEVICES") != sys.argv[1] '
    f'or os.sched_getaffinity(0) != {os.sched_getaffinity(0)})'
  )
  monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '2,3')
  assert jobs_lib.visible_gpus() == ['2', '3']
  one = job(tmp_path, 0, python(code, '2,3'), python(WRITE, job(tmp_path, 0).folder, 0, 20))
  assert not run([one], gpus=None)[0]


@pytest.mark.slow
def test_two_comparisons_share_the_jobs_and_none_runs_twice(tmp_path):
  count = 'import sys, time; open(sys.argv[1], "a").write("x"); time.sleep(1)'
  jobs = []
  for number in range(3):
    counted = python(count, tmp_path / f'runs{number}')
    place = job(tmp_path, number).folder
    jobs.append(job(tmp_path, number, counted, python(WRITE, place, number, 20)))
  found = []
  others = [threading.Thread(target=lambda: found.append(run(jobs))) for _ in range(2)]
  for other in others:
    other.start()
  for other in others:
    other.join()
  assert [(failed, stop) for failed, stop, _ in found] == [([], 0)] * 2
  assert [(tmp_path / f'runs{number}').read_text() for number in range(3)] == ['x'] * 3
  said = [line for *_, lines in found for line in lines]
  assert any('runs elsewhere' in line for line in said)
  assert sum('3/3 done' in line for line in said) == 2


def test_a_job_whose_parent_was_killed_is_waited_for(tmp_path):
  """Its commands go on, and hold the lock."""
  one = job(tmp_path, 0)
  lock = jobs_lib._held(one)
  slow = python(f'import time; time.sleep(3); {WRITE}', one.folder, 0, 20)
  child = subprocess.Popen(slow, pass_fds=(lock,))
  os.close(lock)  # As the end of the parent does.
  failed, _, said = run([one])
  assert child.wait() == 0 and not failed and not one.log.exists()
  assert said[-1].endswith('a, seed 0, elsewhere')


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_a_signal_reaches_the_children_once_and_they_save(tmp_path, number):
  code = (
    'import pathlib, signal, sys, time\n'
    'here = pathlib.Path(sys.argv[1])\n'
    'def save(number, frame):\n'
    '  with (here / "saved").open("a") as out: out.write(f"{number}\\n")\n'
    'signal.signal(signal.SIGINT, save)\n'
    '(here / "ready").touch()\n'
    'for _ in range(1200):\n'
    '  if (here / "saved").exists(): break\n'
    '  time.sleep(0.05)\n'
    'time.sleep(0.5)\n'
    'sys.exit(130)\n'
  )
  slow = job(tmp_path, 0, python(code, tmp_path), python('raise ValueError("must not run")'))
  waiting = job(tmp_path, 1)

  def send():
    while not (tmp_path / 'ready').exists():
      time.sleep(0.02)
    os.kill(os.getpid(), number)

  sender = threading.Thread(target=send)
  sender.start()
  failed, stop, _said = run([slow, waiting])
  sender.join()
  # The interrupted job has not failed, and no further one was begun.
  assert stop == number and not failed and not waiting.log.exists()
  assert (tmp_path / 'saved').read_text() == f'{int(signal.SIGINT)}\n'
  assert 'Error' not in slow.log.read_text()
  assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_a_downstream_study_is_one_command_more_and_alone_for_finished_runs(tmp_path):
  models = {'a': '', 'b': '--paired'}
  flags = ['--dataset=synthetic', '--epochs=3']
  plan = plan_lib.make(flags, models, (0,), 'test', 'psnr', None, None)
  # The first is trained and measured, and lacks the study.
  made_up.write(tmp_path / 'runs' / 'a' / 'seed0', made_up.config(0))
  plain, both = (jobs_lib.all_jobs(plan, tmp_path, downstream=wanted) for wanted in (False, True))
  assert [one.is_complete() for one in plain] == [True, False]
  assert [one.is_complete() for one in both] == [False, False]
  names = [[command[2] for command in one.commands] for one in both]
  every = ['experiments.train', 'experiments.evaluate', 'experiments.downstream']
  assert names == [every[2:], every]
  assert [command[2] for command in plain[1].commands] == every[:2]
  # Both studies keep the networks that no model has a part in at one place.
  (shared,) = {flag for one in both for flag in one.commands[-1] if 'instruments' in flag}
  assert shared == f'--instruments={tmp_path / "instruments"}'
