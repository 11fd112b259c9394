"""Milliseconds of the presets' convolutions and their gradients, ours beside plain lax.

  python -m benchmarks.layers --preset=udacity --batch=4 --size=128 --json=FILE

Each different layer of the generator and the discriminator is measured alone: its output, the
gradient of its input and that of its kernel, as cyclegan_jax/ops/convolutions.py computes them
and as lax does, in turn, the median of the rounds. On a GPU both should be the same.
"""

from collections.abc import Callable
import dataclasses
import functools
import json
import os
import pathlib
import statistics
import time
from typing import Any
from unittest import mock

from absl import app, flags
import jax
from jax import lax
import jax.numpy as jnp

from benchmarks import configuration
from cyclegan_jax.data.source import make_domains
from cyclegan_jax.models import layers, networks
from cyclegan_jax.ops import convolutions

_PRESET = flags.DEFINE_enum('preset', 'udacity', ['udacity', 'cyclegan', 'pix2pix'], 'Which one.')
_BATCH = flags.DEFINE_integer('batch', 4, 'Images in a batch.', lower_bound=1)
_SIZE = flags.DEFINE_integer('size', 128, 'Height and width.', lower_bound=32)
_ROUNDS = flags.DEFINE_integer('rounds', 5, 'Times that each is measured.', lower_bound=1)
_JSON = flags.DEFINE_string('json', '', 'A file for all samples.')

_DIMENSIONS = ('NHWC', 'HWIO', 'NHWC')
_PARTS = ('output', 'input gradient', 'kernel gradient')


@dataclasses.dataclass(frozen=True)
class Layer:
  """A convolution: its kind in convolutions.py, shapes of image and kernel, other arguments."""

  kind: str
  image: tuple[int, ...]
  kernel: tuple[int, ...]
  arguments: tuple[tuple[str, int], ...]

  def __str__(self) -> str:
    _, height, width, channels = self.image
    k, _, a, b = self.kernel
    out = a if self.kind == 'transposed' else b
    stride = dict(self.arguments)['stride']
    return f'{self.kind} {k}x{k}/{stride}, {height}x{width}, {channels} to {out}'


def used(config: Any) -> list[Layer]:
  """The different layers that the networks of a configuration pass an image through."""
  found = []

  def noted(kind, plain):
    def call(x, kernel, **arguments):
      layer = Layer(kind, x.shape, kernel.shape, tuple(sorted(arguments.items())))
      if layer not in found:
        found.append(layer)
      return plain(x, kernel, **arguments)

    return call

  def forward():
    params, stats = networks.initialize(config.model, make_domains(config.data), 0)
    nets = networks.build(config.model, make_domains(config.data))
    seen = networks.discriminator_channels(config.model, make_domains(config.data))
    for name, channels in {'rgb_to_ir': 3, 'ir': seen['ir']}.items():
      x = jnp.zeros((config.train.batch_size, *config.data.image_size, channels))
      nets[name](params[name], stats[name], x, training=False)

  fakes = {kind: noted(kind, getattr(convolutions, kind)) for kind in ('strided', 'transposed')}
  with mock.patch.multiple(layers.convolutions, **fakes):
    jax.eval_shape(forward)
  return found


def plain(layer: Layer) -> Callable[..., jax.Array]:
  """What lax has for a layer."""
  arguments = dict(layer.arguments)
  if layer.kind == 'transposed':
    stride, k = arguments['stride'], layer.kernel[0]
    before = k - 1 - arguments['padding']
    border = (before, before + arguments['output_padding'])
    return lambda x, kernel: lax.conv_transpose(
      x,
      kernel,
      (stride, stride),
      [border] * 2,
      dimension_numbers=_DIMENSIONS,
      transpose_kernel=True,
    )
  stride, padding = arguments['stride'], arguments['padding']
  return lambda x, kernel: lax.conv_general_dilated(
    x, kernel, (stride, stride), [(padding, padding)] * 2, dimension_numbers=_DIMENSIONS
  )


def compiled(function: Callable[..., jax.Array], layer: Layer) -> list[Callable[[], Any]]:
  """Functions that compute the output and the two gradients of a layer."""
  keys = jax.random.split(jax.random.key(0), 3)
  x, kernel = jax.random.normal(keys[0], layer.image), jax.random.normal(keys[1], layer.kernel)
  y = jax.random.normal(keys[2], jax.eval_shape(function, x, kernel).shape)
  runs = [
    jax.jit(function),
    jax.jit(lambda x, kernel: jax.vjp(lambda x: function(x, kernel), x)[1](y)),
    jax.jit(lambda x, kernel: jax.vjp(lambda k: function(x, k), kernel)[1](y)),
  ]
  return [functools.partial(run, x, kernel) for run in runs]


def milliseconds(run: Callable[[], Any]) -> float:
  """Of one call, out of as many as take about 50 ms."""
  begin = time.perf_counter()
  jax.block_until_ready(run())
  calls = max(1, round(0.05 / (time.perf_counter() - begin)))
  begin = time.perf_counter()
  for _ in range(calls):
    last = run()
  jax.block_until_ready(last)
  return 1e3 * (time.perf_counter() - begin) / calls


def measure(layer: Layer) -> dict[str, dict[str, list[float]]]:
  """Milliseconds by part, then 'ours' or 'lax', of all rounds."""
  ours = functools.partial(getattr(convolutions, layer.kind), **dict(layer.arguments))
  runs = {'ours': compiled(ours, layer), 'lax': compiled(plain(layer), layer)}
  for work in runs.values():
    for run in work:
      jax.block_until_ready(run())
  found = {part: {name: [] for name in runs} for part in _PARTS}
  for _ in range(_ROUNDS.value):
    for i, part in enumerate(_PARTS):
      for name, work in runs.items():
        found[part][name].append(milliseconds(work[i]))
  return found


def main(argv: list[str]) -> None:
  if len(argv) > 1:
    raise app.UsageError(f'{argv[1]} is not a flag.')
  config = configuration.without_data(_PRESET.value, _BATCH.value, _SIZE.value)
  samples = {}
  print(
    f'{_PRESET.value}, batch {_BATCH.value}, {jax.default_backend()}, {os.cpu_count()} cores, '
    f'JAX {jax.__version__}; ms, ours / lax\n\n'
    '| layer | ' + ' | '.join(_PARTS) + ' |\n|---|' + '---:|' * len(_PARTS)
  )
  for layer in used(config):
    samples[str(layer)] = found = measure(layer)
    print(
      f'| {layer} | '
      + ' | '.join(
        ' / '.join(f'{statistics.median(x):.1f}' for x in found[part].values()) for part in _PARTS
      )
      + ' |',
      flush=True,
    )
  if _JSON.value:
    pathlib.Path(_JSON.value).write_text(
      json.dumps(
        {
          'preset': _PRESET.value,
          'batch': _BATCH.value,
          'size': _SIZE.value,
          'jax': jax.__version__,
          'cores': os.cpu_count(),
          'milliseconds': samples,
        },
        indent=1,
      )
      + '\n'
    )


if __name__ == '__main__':
  app.run(main)
