"""Which signals are noted, and which act."""

import os
import signal

import pytest

from cyclegan_jax.training import interruption


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
    with pytest.raises(KeyboardInterrupt):
      os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGTERM) == before[1]
  assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_a_process_that_works_alone_stops_at_once():
  assert interruption.agreed(5, 0, steps_ahead=1) == 0
  assert interruption.agreed(5, signal.SIGTERM, steps_ahead=1) == signal.SIGTERM


@pytest.mark.parametrize('lag', [-1, 0, 1])
def test_processes_that_are_a_step_apart_stop_after_the_same_step(monkeypatch, lag):
  texts = []
  monkeypatch.setattr(interruption.distributed, 'joined', lambda: True)
  monkeypatch.setattr(interruption.distributed, 'announce', lambda topic, text: texts.append(text))
  monkeypatch.setattr(interruption.distributed, 'announced', lambda topic: list(texts))
  stopped = {}
  for turn in range(3, 10):
    # The second process is signaled as well, a turn later.
    for process, step in enumerate((turn, turn + lag)):
      received = (turn >= 5 and signal.SIGINT, turn >= 6 and signal.SIGTERM)[process]
      if process not in stopped and (found := interruption.agreed(step, int(received), 1)):
        stopped[process] = step, found
  # A turn later the slower process is at the same step; of two signals the larger one counts.
  expected = 7, signal.SIGTERM if lag == -1 else signal.SIGINT
  assert stopped == {0: expected, 1: expected}
