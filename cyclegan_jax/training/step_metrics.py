"""Loss terms of steps: their means, and lines with the rate, the wait for data, and time left."""

from collections.abc import Iterable, Iterator, Mapping
import contextlib
import math
import time

import jax
import numpy as np

from cyclegan_jax.errors import UserError
from cyclegan_jax.progress import duration
from cyclegan_jax.training import nan_check

# The terms of a line, by their names in the rows, where the domain follows.
_SHOWN = (
  *('discriminator', 'adversarial', 'feature_matching', 'cycle', 'nce', 'identity'),
  *('reconstruction', 'content', 'style', 'supervised', 'ssim', 'gradient'),
)
# The figures of a row that depend on the clock: they differ between any two runs.
CLOCKED = ('images_per_second', 'data_wait')
# Lines do not mention a smaller share of the time spent waiting for data.
_WAIT_SHOWN = 0.05


class StepMetrics:
  """Collects the terms of steps, checks that they are finite, and measures the rate.

  The devices run ahead of the host; only `collect` waits for them.
  """

  def __init__(
    self,
    first_step: int,
    total_steps: int,
    batch_size: int,
    rows: Iterable[Mapping[str, float]] = (),
  ):
    """`rows` are those that an interrupted run had not written yet."""
    self._total = total_steps
    self._batch_size = batch_size
    self._pending: list[tuple[int, Mapping[str, jax.Array]]] = []
    self._rows: list[Mapping[str, float]] = list(rows)
    self._mark = (time.monotonic(), first_step)
    self._step = first_step
    self._waited = 0.0
    self._seconds_per_step = math.nan

  def add(self, step: int, terms: Mapping[str, jax.Array]) -> None:
    """Notes the terms of a step, [devices], without waiting for them."""
    self._pending.append((step, terms))

  def collect(self) -> None:
    """Waits for the noted steps and checks their terms.

    Raises:
      UserError: a term is NaN or infinite; the message names the step.
    """
    for step, terms in self._pending:
      row = {name: float(np.asarray(value.addressable_data(0))[0]) for name, value in terms.items()}
      bad = {name: value for name, value in row.items() if not math.isfinite(value)}
      if bad:
        raise UserError(
          f'Training diverged at step {step}: '
          + ', '.join(f'{name} is {value}' for name, value in bad.items())
          + nan_check.ADVICE
        )
      self._rows.append(row)
      self._step = step
    self._pending.clear()

  @property
  def rows(self) -> list[Mapping[str, float]]:
    """The collected terms of each step since the last restart."""
    return list(self._rows)

  def mean(self, restart: bool) -> dict[str, float]:
    """Returns means since the last restart, and perhaps restarts.

    Returns:
      The means of the collected terms by name; `images_per_second`; `data_wait`, the share of the
      time, 0 to 1, in which the host waited for the next batch, so that the devices may have been
      idle.
    """
    means = {name: float(np.mean([row[name] for row in self._rows])) for name in self._rows[0]}
    start, first = self._mark
    now = time.monotonic()
    self._seconds_per_step = (now - start) / (self._step - first)
    clocked = self._batch_size / self._seconds_per_step, self._waited / (now - start)
    if restart:
      self._rows.clear()
      self._mark = (now, self._step)
      self._waited = 0.0
    return means | dict(zip(CLOCKED, clocked))

  @contextlib.contextmanager
  def waiting(self) -> Iterator[None]:
    """Surrounds the wait for the next batch."""
    begin = time.monotonic()
    yield
    self._waited += time.monotonic() - begin

  @contextlib.contextmanager
  def paused(self) -> Iterator[None]:
    """Surrounds work other than training: its time does not count toward the rate."""
    begin = time.monotonic()
    yield
    start, first = self._mark
    self._mark = (start + time.monotonic() - begin, first)

  def line(self, epoch: float, epochs: float, row: Mapping[str, float]) -> str:
    """Formats a row as a line in which the losses of both domains are added up."""
    terms = []
    for kind in _SHOWN:
      values = [row[f'{kind}_{domain}'] for domain in ('rgb', 'ir') if f'{kind}_{domain}' in row]
      terms += [f'{kind} {sum(values):.3f}'] if values else []
    wait = [f'data {row["data_wait"]:.0%}'] if row['data_wait'] >= _WAIT_SHOWN else []
    left = self._seconds_per_step * (self._total - self._step)
    return '  '.join(
      [
        f'step {self._step}/{self._total}',
        f'epoch {epoch:.1f}/{epochs:.1f}',
        *terms,
        f'{row["images_per_second"]:.1f} images/s',
        *wait,
        f'{duration(left)} left',
      ]
    )
