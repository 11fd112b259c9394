"""Warnings about generators that collapse or invert, which the losses do not show."""

from collections.abc import Iterator, Mapping

from cyclegan_jax.progress import Log
from cyclegan_jax.training.hooks.hook import Hook

# Generated images are all alike if they differ by less than this share of what true ones do.
_LEAST_SPREAD = 0.05
# An output that correlates with luminance like this is little else than inverted luminance.
_INVERTED = -0.9


class CollapseWarnings(Hook):
  """Logs a warning for each row whose figures (training/step/diagnostics.py) show a failure."""

  def __init__(self, batch_size: int, log: Log, direction: str = 'rgb_to_ir'):
    self._batch_size = batch_size
    self._log = log
    self._direction = direction

  def on_log(self, step: int, row: Mapping[str, float]) -> None:
    """Logs the warnings about a row."""
    for line in warnings(row, self._batch_size, self._direction):
      self._log(line)


def warnings(
  row: Mapping[str, float], batch_size: int, direction: str = 'rgb_to_ir'
) -> Iterator[str]:
  """Yields a warning for each failure that a row's means of `diagnostics.observe` show."""
  source, target = direction.upper().split('_TO_')
  if batch_size > 1 and row['spread_generated'] < _LEAST_SPREAD * row['spread_true']:
    yield (
      f'Warning: the generated {target} images are nearly all alike (their standard deviation is '
      f'{row["spread_generated"]:.3g}, that of true ones {row["spread_true"]:.3g}): the generator '
      'ignores its input. Early in a run this passes. Later, start again with another --seed, a '
      'smaller --learning_rate, or pairs (--paired).'
    )
  if row['correlation_luminance'] < _INVERTED:
    yield (
      f'Warning: the generated {target} images are the {source} images inverted (correlation with '
      f'their luminance: {row["correlation_luminance"]:.2f}). Cycle consistency allows that. Pairs '
      '(--paired) or an identity term tell the generator which way is up.'
    )
