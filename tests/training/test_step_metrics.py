"""Rates and the wait for data in progress lines and rows, against a clock that the test sets."""

import jax
import numpy as np
import pytest

from cyclegan_jax.training import step_metrics
from cyclegan_jax.training.step import parallel


@pytest.fixture
def clock(monkeypatch):
  """Seconds that a test moves on: clock[0] += 1."""
  now = [100.0]
  monkeypatch.setattr(step_metrics.time, 'monotonic', lambda: now[0])
  return now


def step(run, number, clock, waits, works):
  with run.waiting():
    clock[0] += waits
  clock[0] += works
  devices = jax.local_device_count()
  run.add(number, {'cycle_rgb': jax.device_put(np.full(devices, 2.0), parallel.sharding())})
  run.collect()


def test_the_wait_for_data_is_a_share_of_the_time_since_the_last_row(clock):
  run = step_metrics.StepMetrics(0, 10, batch_size=8)
  step(run, 1, clock, waits=0.5, works=1.5)
  step(run, 2, clock, waits=0.0, works=2.0)
  row = run.mean(restart=False)
  assert row == {'cycle_rgb': 2.0, 'images_per_second': 4.0, 'data_wait': 0.125}
  assert '4.0 images/s  data 12%  16s left' in run.line(0.2, 1.0, row)
  with run.paused():
    clock[0] += 50  # of validation, say
  assert run.mean(restart=True) == row
  step(run, 3, clock, waits=0.02, works=0.98)
  row = run.mean(restart=True)
  assert row['data_wait'] == pytest.approx(0.02) and row['images_per_second'] == pytest.approx(8)
  assert 'data' not in run.line(0.3, 1.0, row)


def test_a_line_calls_terms_by_the_names_of_the_columns(clock):
  """Domains are added up; the weighted total is another number under another name."""
  terms = {'adversarial_rgb': 0.25, 'adversarial_ir': 0.5, 'discriminator_ir': 1.0}
  row = {**terms, 'generator': 9.0, 'images_per_second': 4.0, 'data_wait': 0.0}
  run = step_metrics.StepMetrics(0, 10, batch_size=4)
  step(run, 1, clock, waits=0.0, works=1.0)
  run.mean(restart=False)
  line = run.line(1, 2, row)
  assert 'discriminator 1.000  adversarial 0.750  4.0 images/s' in line
