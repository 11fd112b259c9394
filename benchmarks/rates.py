"""How fast programs are, measured in turn."""

from collections.abc import Callable, Mapping, Sequence
import dataclasses
import time
from typing import Any


@dataclasses.dataclass(frozen=True)
class Work:
  """Something that is done again and again.

  Attributes:
    start: begins to do it once; on a GPU it may return before that is done.
    wait: returns when all that was started is done.
  """

  start: Callable[[], Any]
  wait: Callable[[], Any] = lambda: None


def rate(work: Work, seconds: float) -> float:
  """Times a second over about so many seconds; the first time tells how many times these are."""
  begin = time.perf_counter()
  work.start()
  work.wait()
  times = max(1, round(seconds / (time.perf_counter() - begin)))
  begin = time.perf_counter()
  for _ in range(times):
    work.start()
  work.wait()
  return times / (time.perf_counter() - begin)


def in_turn(
  programs: Mapping[str, Callable[[float], float]], rounds: int, seconds: float
) -> dict[str, list[float]]:
  """Rates of each program by rounds, after two times of each to warm up.

  Args:
    programs: by name, what returns the rate over about so many seconds.
    rounds: the times that each is measured.
    seconds: how long each time.
  """
  for measure in programs.values():
    measure(0)
  rates = {name: [] for name in programs}
  for _ in range(rounds):
    for name, measure in programs.items():
      rates[name].append(measure(seconds))
  return rates


def ratios(rates: Mapping[str, Sequence[float]], other: str) -> list[float]:
  """Our rates over another program's, by rounds."""
  return [a / b for a, b in zip(rates['ours'], rates[other])]
