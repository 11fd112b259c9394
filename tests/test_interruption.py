"""Which signals are noted, and which act."""

import gc
import os
import signal
import subprocess
import sys
import time

import pytest

from cyclegan_jax import interruption, progress
from tests.conftest import REPOSITORY


@pytest.fixture
def interruptible():
  """Python's own handler, which a shell's background jobs do not get."""
  before = signal.signal(signal.SIGINT, signal.default_int_handler)
  yield
  signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures('interruptible')
def test_one_of_each_kind_is_noted_and_a_second_acts():
  before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
  with interruption.deferred() as signaled:
    assert signaled() == 0
    os.kill(os.getpid(), signal.SIGTERM)
    assert signaled() == signal.SIGTERM
    # As where a scheduler signals all processes, and the parent passes its own on.
    os.kill(os.getpid(), signal.SIGINT)
    assert signaled() == signal.SIGTERM
    time.sleep(1)
    with pytest.raises(KeyboardInterrupt):
      os.kill(os.getpid(), signal.SIGINT)
  assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


_SAVES = """
import contextlib, sys, time
from cyclegan_jax import interruption
with interruption.watched() if sys.argv[1] == 'watched' else contextlib.nullcontext():
  with interruption.deferred() as signaled:
    print('ready', flush=True)
    while not signaled():
      time.sleep(0.001)
    time.sleep(1)
  print(f'saved after {signaled() or "one"}')
"""


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize('around', ['watched', 'not'])
def test_signals_that_come_together_are_one(around, number):
  """As from timeout(1), which tells the command and then its group; none may end a save."""
  command = [sys.executable, '-c', _SAVES, around]
  options = dict(stdout=subprocess.PIPE, text=True, cwd=REPOSITORY, start_new_session=True)
  with subprocess.Popen(command, **options) as process:
    assert process.stdout.readline() == 'ready\n'
    process.send_signal(number)
    time.sleep(0.01)
    os.killpg(process.pid, number)
    os.killpg(process.pid, number)
    assert process.wait(30) == 0
    assert process.stdout.read().startswith('saved after')


@pytest.fixture
def command():
  """What surrounds a command; afterwards the handlers are those from before."""
  before = {
    number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
  }
  with interruption.watched():
    yield
  with interruption.watched():
    pass  # Forgets what was noted.
  for number, handler in before.items():
    signal.signal(number, handler)


@pytest.mark.usefixtures('interruptible', 'command')
@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_is_obeyed_between_two_items_and_not_before(number):
  done = []

  def work():
    for item in progress.tracked(range(5), 5, 'Working', print):
      if item == 2:
        os.kill(os.getpid(), number)
      done.append(item)

  with pytest.raises(interruption.Interrupted) as caught:
    work()
  assert done == [0, 1, 2] and caught.value.status == 128 + number
  with interruption.deferred() as signaled:
    interruption.check()
    assert signaled() == number


@pytest.mark.usefixtures('interruptible', 'command')
def test_what_swallows_exceptions_swallows_no_signal():
  """As JAX's callback of the garbage collector does."""

  sent = []

  def collected(phase, info):
    # Once: a second signal acts, and it may take a moment until the first is noted.
    if not sent:
      sent.append(phase)
      os.kill(os.getpid(), signal.SIGINT)

  gc.callbacks.append(collected)
  try:
    gc.collect()
  finally:
    gc.callbacks.remove(collected)
  with pytest.raises(interruption.Interrupted):
    interruption.check()


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_ends_even_a_long_library_call(number):
  """Python runs no handler before the call returns."""
  code = (
    'import ctypes, signal\n'
    'from cyclegan_jax import interruption\n'
    'signal.signal(signal.SIGINT, signal.default_int_handler)\n'
    'with interruption.watched():\n'
    '  print("ready", flush=True)\n'
    '  libc, mutex = ctypes.CDLL(None), ctypes.create_string_buffer(64)\n'
    '  while True: libc.pthread_mutex_lock(mutex)\n'
  )
  command = [sys.executable, '-c', code]
  with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY) as process:
    assert process.stdout.readline() == 'ready\n'
    process.send_signal(number)
    with pytest.raises(subprocess.TimeoutExpired):
      process.wait(1)
    process.send_signal(number)
    assert process.wait(30) == 128 + number


_WORKS = """
import os, sys, time
os.open(sys.argv[1], os.O_RDWR)  # Makes it the terminal of the session.
from cyclegan_jax import interruption
from experiments import streams
streams.prepare()
with interruption.watched(), interruption.deferred() as signaled:
  open('ready', 'w').close()
  end = time.monotonic() + 1
  while time.monotonic() < end and not signaled():
    time.sleep(0.001)
for _ in range(3):
  print('a line')
open('done', 'w').write(str(int(signaled())))
"""


@pytest.mark.parametrize('wrapper, expected', [([], '1'), (['nohup'], '0')])
def test_a_terminal_that_is_gone(wrapper, expected, tmp_path):
  ours, theirs = os.openpty()
  command = [*wrapper, sys.executable, '-c', _WORKS, os.ttyname(theirs)]
  process = subprocess.Popen(
    command,
    cwd=tmp_path,
    env=os.environ | {'PYTHONPATH': str(REPOSITORY)},
    start_new_session=True,
    **dict.fromkeys(('stdin', 'stdout', 'stderr'), theirs),
  )
  os.close(theirs)
  while not (tmp_path / 'ready').exists():
    time.sleep(0.01)
  os.close(ours)
  assert process.wait(30) == 0
  assert (tmp_path / 'done').read_text() == expected
