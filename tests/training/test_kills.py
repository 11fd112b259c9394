"""The command killed at random moments, and runs repeated: the result is always the same."""

import signal

import numpy as np
import pytest

from benchmarks import stops, survive_kills
from tests.training.test_loop import train

SIGNALS = [
  (signal.SIGKILL, 'any'),
  (signal.SIGTERM, 'save'),
  (signal.SIGKILL, 'clean-up'),
  (signal.SIGKILL, 'save'),
]


@pytest.mark.slow
def test_a_run_that_is_killed_again_and_again_ends_as_one_that_was_not(tmp_path):
  ground = stops.make_ground(tmp_path, paired=False, steps=150)
  stops.finish(ground, tmp_path / 'reference')
  starts = survive_kills.survive(ground, tmp_path / 'run', SIGNALS, np.random.default_rng(0))
  assert stops.differences(tmp_path / 'run', tmp_path / 'reference') == []
  assert stops.leftovers(tmp_path / 'run') == []
  assert not (tmp_path / 'run' / 'damaged_checkpoints').exists()
  for start in starts:
    assert start.began in (None, start.newest)
    if start.signal == signal.SIGTERM:
      assert start.status == 143 and start.said == start.saved


@pytest.mark.slow
def test_a_run_is_repeated_bit_for_bit_and_another_seed_gives_another(tiny, tmp_path):
  for name, seed in (('run', 0), ('again', 0), ('other', 1)):
    train(tiny(paired=False, steps=3, seed=seed), tmp_path / name)
  assert stops.differences(tmp_path / 'again', tmp_path / 'run') == []
  differing = stops.differences(tmp_path / 'other', tmp_path / 'run')
  for part in ('.params', '.batch_stats', '.opt_state', 'metrics.csv', 'validation.csv'):
    assert any(name.startswith(part) for name in differing), part


def test_figures_of_stops():
  killed = stops.Stop(
    signal=9,
    phase='save',
    newest=0,
    began=0,
    saved=12,
    said=None,
    leftovers=1,
    status=-9,
    seconds=0.0,
  )
  stopped = stops.Stop(
    signal=15,
    phase='steps',
    newest=12,
    began=12,
    saved=17,
    said=17,
    leftovers=0,
    status=143,
    seconds=1.5,
  )
  ended = stops.Stop(
    signal=0,
    phase='steps',
    newest=17,
    began=12,
    saved=24,
    said=None,
    leftovers=0,
    status=0,
    seconds=3.0,
  )
  found = survive_kills.summary([killed, stopped, ended])
  assert found['kills during save'] == 1 and found['kills during steps'] == 0
  assert found['restarts that said where they went on'] == 2
  assert found['of these at the newest checkpoint'] == 1
  assert found['of these with exit status 143'] == 1 and found['largest seconds to exit'] == 1.5
  shown = survive_kills.table({'pairs': {**found, 'differences': ['a', 'b'], 'starts': []}})
  assert '| kills | 1 |' in shown and '| differences | a, b |' in shown and '[]' not in shown
