"""Where processes agree to stop."""

import signal

import pytest

from cyclegan_jax.training import joint_stop


def test_a_process_that_works_alone_stops_at_once():
  assert joint_stop.agreed(5, 0, steps_ahead=1) == 0
  assert joint_stop.agreed(5, signal.SIGTERM, steps_ahead=1) == signal.SIGTERM


@pytest.mark.parametrize('lag', [-1, 0, 1])
def test_processes_that_are_a_step_apart_stop_after_the_same_step(monkeypatch, lag):
  texts = []
  monkeypatch.setattr(joint_stop.distributed, 'joined', lambda: True)
  monkeypatch.setattr(joint_stop.distributed, 'announce', lambda topic, text: texts.append(text))
  monkeypatch.setattr(joint_stop.distributed, 'announced', lambda topic: list(texts))
  stopped = {}
  for turn in range(3, 10):
    # The second process is signaled as well, a turn later.
    for process, step in enumerate((turn, turn + lag)):
      received = (turn >= 5 and signal.SIGINT, turn >= 6 and signal.SIGTERM)[process]
      if process not in stopped and (found := joint_stop.agreed(step, int(received), 1)):
        stopped[process] = step, found
  # A turn later the slower process is at the same step; of two signals the larger one counts.
  expected = 7, signal.SIGTERM if lag == -1 else signal.SIGINT
  assert stopped == {0: expected, 1: expected}
