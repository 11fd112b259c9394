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
