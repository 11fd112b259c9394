"""A generator as StableHLO, pixels in and pixels out, for any JAX of the coming months to run.

The file is a ZIP archive, not compressed, of `program` (jax.export's format) and `metadata.json`.
"""

from collections.abc import Callable, Mapping
import json
import pathlib
import zipfile

import jax
import jax.export
import jax.numpy as jnp
import numpy as np

from cyclegan_jax.inference.model import Model

PLATFORMS = ('cpu', 'cuda', 'rocm', 'tpu')
PROGRAM, METADATA = 'program', 'metadata.json'


def write(
  file: pathlib.Path, model: Model, direction: str, limit: float, metadata: Mapping[str, str]
) -> None:
  """Writes the generator of a direction, computing in float32 on every platform.

  Args:
    file: where to.
    model: the trained model.
    direction: 'rgb_to_ir' or 'ir_to_rgb'.
    limit: the largest pixel value that comes out, 255 or 65535.
    metadata: texts by name, for metadata.json.
  """
  source = model.domains[direction.split('_to_')[0]]
  shape = jax.export.symbolic_shape(f'batch, height, width, {source.channels}')
  dtype = np.uint8 if source.normalization.max_value <= 255 else np.uint16
  # GPUs and TPUs would round the factors of products to fewer bits.
  with jax.default_matmul_precision('highest'):
    exported = jax.export.export(
      jax.jit(_translation(model, direction, limit)), platforms=PLATFORMS
    )(jax.ShapeDtypeStruct(shape, dtype))
  with zipfile.ZipFile(file, 'w') as archive:
    archive.writestr(PROGRAM, exported.serialize())
    archive.writestr(METADATA, json.dumps(dict(metadata), indent=2) + '\n')


def load(file: pathlib.Path) -> Callable[[np.ndarray], np.ndarray]:
  """What a file computes on JAX's first device: [batch, height, width, channels]."""
  with zipfile.ZipFile(file) as archive:
    call = jax.export.deserialize(bytearray(archive.read(PROGRAM))).call
  return lambda pixels: np.asarray(call(pixels))


def _translation(model: Model, direction: str, limit: float) -> Callable[[jax.Array], jax.Array]:
  source, target = (model.domains[name] for name in direction.split('_to_'))
  generator = model.translator(direction)
  # NumPy arrays become part of the program.
  params, batch_stats = jax.tree.map(np.asarray, (generator.params, generator.batch_stats))

  def translate(pixels):
    height, width = pixels.shape[1:3]
    x = source.normalization.forward(pixels.astype(jnp.float32))
    for axis in (1, 2):
      x = _mirrored(x, axis, model.multiple)
    y, _ = generator.net(params, batch_stats, x, training=False)
    y = target.normalization.inverse(y[:, :height, :width])
    y = jnp.clip(jnp.rint(y * (limit / target.normalization.max_value)), 0, limit)
    return y.astype(jnp.uint8 if limit <= 255 else jnp.uint16)

  translate.__name__ = direction
  return translate


def _mirrored(x: jax.Array, axis: int, multiple: int) -> jax.Array:
  """Mirrors at the end of an axis, again and again, up to a size that is a multiple."""
  n = x.shape[axis]
  there = jnp.arange((n + multiple - 1) // multiple * multiple) % (2 * n)
  return jnp.take(x, jnp.where(there < n, there, 2 * n - 1 - there), axis=axis)
