"""How fast programs are, measured in turn, and how fast the machine could be."""

from collections.abc import Mapping, Sequence
import time

import jax
import jax.numpy as jnp

from benchmarks import peers
from benchmarks.peers import Work

# What the machine can do is measured with matrices of so many rows and columns, and with a 3x3
# convolution of so many images, so wide and high, of so many channels.
_SIDE = 2048
_IMAGES, _PIXELS, _CHANNELS = 16, 32, 256


def rate(work: Work, batch: int, seconds: float) -> float:
  """Images/s over about so many seconds; the first call tells how many calls these are."""
  begin = time.perf_counter()
  work.start()
  work.wait()
  calls = max(1, round(seconds / (time.perf_counter() - begin)))
  begin = time.perf_counter()
  for _ in range(calls):
    work.start()
  work.wait()
  return calls * batch / (time.perf_counter() - begin)


def in_turn(
  programs: Mapping[str, Work], batch: int, rounds: int, seconds: float
) -> dict[str, list[float]]:
  """Images/s of each program by rounds, after two calls of each to warm up."""
  for work in programs.values():
    for _ in range(2):
      work.start()
      work.wait()
  rates = {name: [] for name in programs}
  for _ in range(rounds):
    for name, work in programs.items():
      rates[name].append(rate(work, batch, seconds))
  return rates


def ratios(rates: Mapping[str, Sequence[float]], other: str) -> list[float]:
  """Ours over another program's images/s, by rounds."""
  return [a / b for a, b in zip(rates['ours'], rates[other])]


def peak(device: str, precision: str, seconds: float) -> dict[str, float]:
  """Floating-point operations a second, by what was done."""
  x = jnp.ones((_SIDE, _SIDE), precision)
  image = jnp.ones((_IMAGES, _PIXELS, _PIXELS, _CHANNELS), precision)
  kernel = jnp.ones((3, 3, _CHANNELS, _CHANNELS), precision)
  convolve = jax.jit(
    lambda x, k: jax.lax.conv_general_dilated(
      x, k, (1, 1), 'SAME', dimension_numbers=('NHWC', 'HWIO', 'NHWC')
    )
  )
  matmul, last = jax.jit(jnp.matmul), None

  def run(function, *arguments):
    def start():
      nonlocal last
      last = function(*arguments)

    return Work(start, lambda: last.block_until_ready())

  # Zero padding saves a little of the convolution; it is counted whole.
  work = {
    'XLA, matrices': (run(matmul, x, x), 2 * _SIDE**3),
    'XLA, convolution': (
      run(convolve, image, kernel),
      2 * image.size * kernel.shape[0] ** 2 * _CHANNELS,
    ),
    'PyTorch, matrices': (peers.product(_SIDE, device, precision), 2 * _SIDE**3),
  }
  for one, _ in work.values():
    one.start()
    one.wait()
  return {
    name: flops * max(rate(one, 1, seconds / 3) for _ in range(3))
    for name, (one, flops) in work.items()
  }
