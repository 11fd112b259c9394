"""Rates and times left, against a clock that the test sets."""

import pytest

from cyclegan_jax import progress


@pytest.mark.parametrize(
  'seconds, text',
  [(0, '0s'), (59.4, '59s'), (59.6, '1m00s'), (723, '12m03s'), (3599.6, '1h00m'), (18420, '5h07m')],
)
def test_duration(seconds, text):
  assert progress.duration(seconds) == text


def test_tracked_passes_everything_on_and_says_the_rate(monkeypatch):
  clock = iter(range(0, 1000, 2))  # two seconds for each item of four images
  monkeypatch.setattr(progress.time, 'monotonic', lambda: next(clock))
  lines = []
  assert list(progress.tracked(range(10), 38, 'Reading', lines.append, each=4)) == list(range(10))
  # 8 images after 3 looks at the clock, 6 seconds; then 20 after 12.
  assert lines[0] == 'Reading 8/38  1.3 images/s  22s left'
  assert len(lines) == 3


def test_tracked_counts_other_units_and_does_without_a_total(monkeypatch):
  clock = iter(range(0, 1000, 6))
  monkeypatch.setattr(progress.time, 'monotonic', lambda: next(clock))
  lines = []
  pieces = progress.tracked(range(3), None, 'Downloading', lines.append, each=0.25, unit='MiB')
  assert len(list(pieces)) == 3
  assert lines == ['Downloading 0.2  0.0 MiB/s', 'Downloading 0.5  0.0 MiB/s']
  lines.clear()
  list(progress.tracked(range(3), 123.456, 'Downloading', lines.append, each=60, unit='MiB'))
  assert lines[-1] == 'Downloading 120/123.5  6.7 MiB/s  1s left'
